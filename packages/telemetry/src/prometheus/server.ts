import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { MetricsError } from '../errors.js'
import { CONTENT_TYPES, type PrometheusFormat } from './format.js'
import { formatFor, takesGzip } from './negotiation.js'
import { HEALTHY, type ServeOptions } from './options.js'

/** A server of metrics that listens. */
export interface MetricsServer extends AsyncDisposable {
  /** Where the metrics are, e.g. `http://127.0.0.1:9464/metrics`. */
  readonly url: string
  /** The port it listens on, also where a free one was asked for. */
  readonly port: number
  /** Keeps the process alive as long as the server listens, which it does not by itself. */
  ref(): this
  /** Takes `ref()` back. */
  unref(): this
  /** Stops listening. Who is being answered has a second to take the answer. Closing twice is fine. */
  close(): Promise<void>
}

/** What one client can take at most, so that none can hold up the process. */
export interface Limits {
  /** Bytes of a request's first line and headers; 431 beyond. */
  readonly headerBytes: number
  /** Connections at a time; the last one closes the one that idles for longest, and others are closed at once. */
  readonly connections: number
  /** Answers being written at a time; 503 beyond. */
  readonly answers: number
  /** Of these, those on one connection; it is closed beyond. */
  readonly answersEach: number
  /** Milliseconds for the headers of a request; 408 after that. */
  readonly headersMs: number
  /** Milliseconds in which something has to move while a request is answered. */
  readonly stalledMs: number
  /** Milliseconds that a connection may idle between two requests: longer than scrapes are apart. */
  readonly idleMs: number
  /** Milliseconds that answers may take after `close()`. */
  readonly closingMs: number
}

/** Those of `serve()`, as the package's page says them. */
export const LIMITS: Limits = {
  headerBytes: 8192,
  connections: 64,
  answers: 16,
  answersEach: 2,
  headersMs: 5_000,
  stalledMs: 15_000,
  idleMs: 120_000,
  closingMs: 1_000,
}

/** Writes all metrics. */
type Render = (format: PrometheusFormat) => Uint8Array

const compress = promisify(gzip)

/**
 * Listens and answers with what `render` gives.
 *
 * @throws MetricsError `WAL_LISTEN` if it cannot listen
 */
export async function listen(
  render: Render,
  { port, host = '127.0.0.1', path = '/metrics', legacyNames = false }: ServeOptions,
  limits: Limits = LIMITS,
): Promise<MetricsServer> {
  const answers = new Answers(render, path, legacyNames, limits)
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.headersMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
    },
    (request, response) => answers.answer(request, response),
  )
  server.timeout = limits.stalledMs
  server.maxConnections = limits.connections
  // Whoever asks whether a body may be sent is told at once that it may not.
  server.on('checkContinue', (request, response) => answers.answer(request, response))
  await started(server, port, host)
  return new Listening(server, host, path, answers, limits)
}

function started(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException) => reject(cannotListen(cause, port, host))
    server.once('error', refuse)
    server.listen({ port, host }, () => {
      server.off('error', refuse)
      // Such as no file descriptor being left for a connection: that one is lost, and the process goes on.
      server.on('error', () => {})
      resolve()
    })
  })
}

function cannotListen(cause: NodeJS.ErrnoException, port: number, host: string): MetricsError {
  const advice: Record<string, string> = {
    EADDRINUSE: 'something listens there already: take another port, or 0 for one that is free',
    EACCES: 'this user may not: take a port above 1023',
    EADDRNOTAVAIL: "this machine has no such address: take one of its own, '127.0.0.1', or '0.0.0.0' for all",
    ENOTFOUND: 'there is no such host name: take an address of this machine',
  }
  const why = advice[cause.code ?? ''] ?? cause.message
  const message = `serve() cannot listen on port ${port} of ${host} (${cause.code}): ${why}`
  return new MetricsError('WAL_LISTEN', message, undefined, { cause })
}

/** Answers requests. */
class Answers {
  /** Those that are being written. */
  readonly #writing = new Set<ServerResponse>()
  /** Connections that have taken their answers and ask nothing, the one that does so for longest first. */
  readonly #idle = new Set<Socket>()
  #whenNone: (() => void) | undefined
  readonly #render: Render
  readonly #path: string
  readonly #isLegacy: boolean
  readonly #limits: Limits

  constructor(render: Render, path: string, isLegacy: boolean, limits: Limits) {
    this.#render = render
    this.#path = path
    this.#isLegacy = isLegacy
    this.#limits = limits
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    // Who goes on asking without taking answers would be answered in one turn of the event loop for as long as he likes. One
    // who does take them may ask again before the last bytes of an answer are known to be gone.
    if (this.#of(request.socket).length >= this.#limits.answersEach) {
      request.socket.destroy()
      return
    }
    this.#idle.delete(request.socket)
    this.#writing.add(response)
    response.once('close', () => this.#over([response]))
    this.#answer(request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, 'the metrics could not be written')
    })
  }

  /** Nobody takes the answers of this connection any more. Node tells only the one whose turn it was of several. */
  gone(socket: Socket): void {
    this.#over(this.#of(socket))
    this.#idle.delete(socket)
  }

  /** Makes room for somebody who asks. Node's own list of idle connections has new ones in it in some versions. */
  closeLongestIdle(): void {
    const [longest] = this.#idle
    longest?.destroy()
  }

  #of(socket: Socket): ServerResponse[] {
    return [...this.#writing].filter(({ req }) => req.socket === socket)
  }

  /** Resolves once nobody is being answered. */
  async none(): Promise<void> {
    if (this.#writing.size > 0) await new Promise<void>(resolve => (this.#whenNone = resolve))
  }

  #over(responses: readonly ServerResponse[]): void {
    for (const response of responses) this.#writing.delete(response)
    for (const { req } of responses) if (this.#of(req.socket).length === 0) this.#idle.add(req.socket)
    if (this.#writing.size === 0) this.#whenNone?.()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers } = request
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0) {
      response.setHeader('Connection', 'close')
      return refuse(response, 413, 'a request has no body here')
    }
    const path = pathOf(request.url ?? '')
    if (path !== this.#path && path !== HEALTHY) {
      return refuse(response, 404, `the metrics are at ${this.#path}`)
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return refuse(response, 405, 'the metrics can only be read')
    }
    if (path === HEALTHY) return send(response, 200, 'text/plain; charset=utf-8', Buffer.from('ok\n'))
    if (this.#writing.size > this.#limits.answers) {
      response.setHeader('Retry-After', '1')
      return refuse(response, 503, 'too many requests at a time')
    }
    await this.#metrics(request, response)
  }

  async #metrics({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const format = this.#isLegacy ? 'text' : formatFor(headers.accept)
    let body = this.#render(format)
    if (takesGzip(headers['accept-encoding']?.toString())) {
      body = await compress(body, { level: 1 })
      response.setHeader('Content-Encoding', 'gzip')
    }
    response.setHeader('Vary', 'Accept, Accept-Encoding')
    send(response, 200, CONTENT_TYPES[format], body)
  }
}

/** The path that is asked for, also where a proxy is thought to be asked: with scheme and host before it. */
function pathOf(target: string): string {
  const [, path = ''] = /^(?:http:\/\/[^/?]*)?([^?]*)/i.exec(target) ?? []
  return path
}

function refuse(response: ServerResponse, status: number, why: string): void {
  send(response, status, 'text/plain; charset=utf-8', Buffer.from(`${why}\n`))
}

function send(response: ServerResponse, status: number, type: string, body: Uint8Array): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': body.byteLength,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  // To HEAD, Node itself leaves the body out. An answer that was ended counts as idle before all of it is sent, and
  // closing the server would cut it off.
  response.write(body, () => response.end())
}

class Listening implements MetricsServer {
  readonly url: string
  readonly port: number
  readonly #server: Server
  readonly #answers: Answers
  readonly #limits: Limits
  readonly #sockets = new Set<Socket>()
  #isRef = true
  #closed: Promise<void> | undefined

  constructor(server: Server, host: string, path: string, answers: Answers, limits: Limits) {
    this.#server = server
    this.#answers = answers
    this.#limits = limits
    // An address, because it listens on a port and not on a pipe.
    this.port = (server.address() as AddressInfo).port
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${this.port}${path}`
    server.on('connection', socket => this.#keep(socket))
    this.unref()
  }

  ref(): this {
    return this.#setRef(true)
  }

  unref(): this {
    return this.#setRef(false)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.#server.closeIdleConnections()
    const deadline = setTimeout(() => this.#server.closeAllConnections(), this.#limits.closingMs)
    await this.#answers.none()
    this.#server.closeAllConnections()
    clearTimeout(deadline)
    await closed
  }

  /** A connection between two scrapes would keep the process alive just as the server itself. */
  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#answers.gone(socket)
    })
    if (!this.#isRef) socket.unref()
    // Those that idle must not keep out who asks.
    if (this.#sockets.size >= this.#limits.connections) this.#answers.closeLongestIdle()
  }

  #setRef(isRef: boolean): this {
    if (this.#isRef !== isRef) {
      this.#isRef = isRef
      for (const one of [this.#server, ...this.#sockets]) isRef ? one.ref() : one.unref()
    }
    return this
  }
}
