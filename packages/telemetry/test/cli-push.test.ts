/** Pages that the command line pushes to a collector. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import test from 'ava'
import { collector, end, engineWith, outcome, run, start } from './command-line.js'
import { startReceiver } from './otlp-receiver.js'

for (const protocol of ['http/protobuf', 'http/json', 'grpc'] as const) {
  test.serial(`push sends every point of a page over ${protocol}`, async t => {
    const { page, child } = await engineWith(t, 300)
    await end(child, 'SIGKILL')
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const endpoint = protocol === 'grpc' ? receiver.grpcUrl : receiver.httpUrl
    const pushed = await run(['push', page, '--endpoint', endpoint, '--protocol', protocol], {
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=a%20test',
      OTEL_SERVICE_NAME: 'orders',
    })
    t.is(pushed.code, 0, pushed.stdout + pushed.stderr)
    t.is(pushed.stdout.split('\n').length, 2, 'once: of a process that is dead there is nothing more to push')
    const received = await receiver.next()
    const metrics = received.resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics),
    )
    const points = metrics.flatMap(({ sum, gauge, exponentialHistogram }) =>
      [sum, gauge, exponentialHistogram].flatMap(data => data?.dataPoints ?? []),
    )
    t.true(pushed.stdout.includes(` ${points.length} points to ${endpoint}`), pushed.stdout)
    const events = metrics.find(({ name }) => name === 'wal.recorder.manager.events')
    const [point] = events?.sum?.dataPoints ?? []
    t.is(Number(point?.asInt ?? point?.asDouble), 300)
    const resource = received.resourceMetrics[0]?.resource.attributes ?? []
    const named = Object.fromEntries(resource.map(({ key, value }) => [key, value.stringValue]))
    t.like(named, { 'service.name': 'orders', 'deployment.environment': 'a test' })
  })
}

test('a collector that is not there is told, and is the exit code', async t => {
  const { page, child } = await engineWith(t, 3)
  await end(child, 'SIGKILL')
  const timeout = { OTEL_EXPORTER_OTLP_TIMEOUT: '300' }
  const { code, stdout } = await run(['push', page, '--endpoint', 'http://127.0.0.1:9', '--once'], timeout)
  t.is(code, 2)
  t.regex(stdout, /not pushed: /)
})

test('an interrupted push waits for no collector that does not answer', async t => {
  const { page } = await engineWith(t, 3)
  // Longer than anybody would wait for this test.
  const patient = { OTEL_EXPORTER_OTLP_TIMEOUT: '100000000' }
  const url = await collector(t, () => pushing.kill('SIGINT'))
  const pushing = start(['push', page, '-e', url], patient)
  const { code, stdout } = await outcome(pushing)
  t.is(code, 2)
  t.regex(stdout, /^not pushed: interrupted before the collector had answered$/m)
})

test('an interrupted push sends what has been counted since the one before', async t => {
  const { page } = await engineWith(t, 3)
  const url = await collector(t, (request, response) => request.resume().on('end', () => response.end()))
  const pushing = start(['push', page, '-e', url, '-i', '1000000'])
  const said: string[] = []
  for await (const line of createInterface({ input: pushing.stdout as NodeJS.ReadableStream })) {
    said.push(line)
    if (said.length === 1) pushing.kill('SIGHUP')
  }
  t.is(pushing.exitCode ?? (await once(pushing, 'exit'))[0], 0)
  t.is(said.filter(line => line.includes(' points to ')).length, 2, said.join('\n'))
})

test('push tells of a page that cannot be read any more, and goes on with the others', async t => {
  const [kept, lost] = await Promise.all([engineWith(t, 3), engineWith(t, 4)])
  await end(lost.child, 'SIGKILL')
  const url = await collector(t, (request, response) => request.resume().on('end', () => response.end()))
  const pushing = start(['push', kept.page, lost.page, '-e', url, '-i', '0.1'])
  const said: string[] = []
  for await (const line of createInterface({ input: pushing.stdout as NodeJS.ReadableStream })) {
    said.push(line.includes(' points to ') ? 'points' : line)
    if (said.length === 1) writeFileSync(lost.page, 'no page')
    // Not before the others were pushed again.
    const isTold = said.at(-2)?.includes(lost.page) === true && said.at(-1) === 'points'
    if (isTold || said.length === 100) kept.child.stdin?.end()
  }
  const told = said.findIndex(line => line !== 'points')
  t.true(told > 0, said.join('\n'))
  t.regex(said[told] ?? '', /^not read: source 1: the metrics page .* is damaged/)
  t.is(said[told + 1], 'points')
  t.is(pushing.exitCode ?? (await once(pushing, 'exit'))[0], 2)
})

test('what the environment says of the service and cannot be read is told', async t => {
  const { code, stdout, stderr } = await run(['push', 'page', '--once'], {
    OTEL_RESOURCE_ATTRIBUTES: 'team=a%b,zone=50%',
  })
  t.is(code, 2)
  t.is(stdout, '')
  t.regex(stderr, /^error: OTEL_RESOURCE_ATTRIBUTES has a%b, where a % is none of an escape/)
})

test('push goes where the command line says, else where the environment does, with the path of metrics', async t => {
  const { page, child } = await engineWith(t, 3)
  await end(child, 'SIGKILL')
  const asked: (string | undefined)[] = []
  const url = await collector(t, (request, response) => {
    asked.push(request.url)
    request.resume().on('end', () => response.end())
  })
  const [general, metrics] = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT']
  const nowhere = 'http://127.0.0.1:9'
  for (const [given, env, path] of [
    [['-e', url], { [general]: nowhere, [metrics]: nowhere }, '/v1/metrics'],
    [['-e', `${url}/own`], {}, '/own'],
    [[], { [general]: url }, '/v1/metrics'],
    [[], { [general]: `${url}/otlp` }, '/otlp/v1/metrics'],
    [[], { [general]: `${url}/otlp/?key=1`, [metrics]: '' }, '/otlp/v1/metrics?key=1'],
    [[], { [general]: nowhere, [metrics]: `${url}/own` }, '/own'],
    [[], { [general]: '', [metrics]: url }, '/'],
  ] as const) {
    const { code, stdout, stderr } = await run(['push', page, '--once', ...given], { ...env })
    t.is(code, 0, stdout + stderr)
    t.is(asked.pop(), path, JSON.stringify(env))
  }
})

test.serial('the environment says how OTLP is spoken, and of gRPC host and port are enough', async t => {
  const [general, metrics] = ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL']
  const { page, child } = await engineWith(t, 3)
  await end(child, 'SIGKILL')
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const grpc = receiver.grpcUrl.replace(/^.*:\/\//, '')
  for (const [env, endpoint] of [
    [{ [general]: 'grpc' }, grpc],
    [{ [general]: 'nonsense', [metrics]: 'grpc' }, receiver.grpcUrl],
    [{ [general]: 'http/json', [metrics]: '' }, receiver.httpUrl],
  ] as const) {
    const { code, stdout, stderr } = await run(['push', page, '--once', '-e', endpoint], { ...env })
    t.is(code, 0, stdout + stderr)
    await receiver.next()
  }
  const { code, stderr } = await run(['push', page, '--once'], { [general]: 'thrift' })
  t.is(code, 2)
  t.regex(
    stderr,
    /^error: OTEL_EXPORTER_OTLP_PROTOCOL is thrift: it is one of http\/protobuf, http\/json, grpc/,
  )
})

test('an endpoint in the environment that is none is told by its name, and an empty one is as none', async t => {
  const [general, metrics] = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT']
  const { page, child } = await engineWith(t, 3)
  await end(child, 'SIGKILL')
  for (const name of [general, metrics]) {
    const { code, stderr } = await run(['push', page, '--once'], { [name]: 'localhost:4318' })
    t.is(code, 2)
    t.true(stderr.startsWith(`error: ${name} localhost:4318 is no URL of http`), stderr)
  }
  const timeout = { OTEL_EXPORTER_OTLP_TIMEOUT: '300' }
  const { stdout, stderr } = await run(['push', page, '--once'], { [general]: '', [metrics]: '', ...timeout })
  t.is(stderr, '')
  t.regex(stdout, /not pushed: | points to http:\/\/localhost:4318$/m)
})
