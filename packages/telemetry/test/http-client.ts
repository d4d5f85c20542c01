/** Clients of the server of metrics, well-behaved ones and others. */
import { once } from 'node:events'
import { type Agent, type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly agent?: Agent
  /** The target as it stands in the request, in the place of the URL's path. */
  readonly path?: string
}

export async function ask(url: string, { body, ...options }: Asked = {}): Promise<Answer> {
  const asked = request(url, { agent: false, ...options })
  asked.end(body)
  const [response] = await once(asked, 'response')
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }
}

/** A connection that has sent this, and its end; that the other side broke it off is one as well. */
export function sent(port: number, text: string): { socket: Socket; closed: Promise<unknown> } {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(text)
  return { socket, closed: new Promise(resolve => socket.once('close', resolve)) }
}

/** What a client gets that sends this and then waits. */
export async function raw(port: number, text: string): Promise<string> {
  const { socket, closed } = sent(port, text)
  let received = ''
  socket.setEncoding('latin1').on('data', part => (received += part))
  await closed
  return received
}
