// The process that records, and that is killed. It is started with its task as JSON and goes on where the log ends.
import { walMetrics } from '@flashstrike/telemetry'
import { Recorder, WalError } from '@flashstrike/wal-recorder'
import { Acknowledgement } from './acknowledgement.js'
import { readFlow } from './flow-file.js'
import { OrderEvent } from './order-event.js'
import type { OrderFlow } from './order-flow.js'
import { type Pace, type RecordingResult, type RecordingTask, SEGMENT_BYTES } from './recording-task.js'

/** Events between two acknowledgements where they need not be close. */
const STRIDE = 256
/** Events in a turn of the event loop. */
const TURN = 64 * STRIDE

type OrderRecorder = Recorder<typeof OrderEvent>

const task = JSON.parse(process.argv[2] ?? '') as RecordingTask
const flow = readFlow(task.flow)
const acknowledged = Acknowledgement.open(task.acknowledgements)
const wal = await Recorder.open({ dir: task.dir, event: OrderEvent, segmentBytes: SEGMENT_BYTES })

const first = wal.lastEventId
const appendMs = await record(wal, flow, acknowledged, task)
if (task.pace !== undefined) await new Promise(() => setInterval(() => {}, 1000))

const durableFrom = performance.now()
await wal.durable()
const result: RecordingResult = {
  appended: wal.lastEventId - first,
  appendNs: appendMs * 1e6,
  durableMs: performance.now() - durableFrom,
  metrics: walMetrics(wal).dump(),
}
await wal.close()
acknowledged.close()
process.stdout.write(`${JSON.stringify(result)}\n`)

/** Records the rest of the flow; the time spent in appends, in milliseconds. */
async function record(
  wal: OrderRecorder,
  flow: OrderFlow,
  acknowledged: Acknowledgement,
  { closelyFrom, pace }: RecordingTask,
): Promise<number> {
  const last = pace?.until ?? flow.length
  let ms = 0
  let next = wal.lastEventId
  let turnEnd = next + TURN
  acknowledged.write(next)
  const slow = pace && slowDown(pace)
  while (next < last) {
    const end = next >= closelyFrom ? next + 1 : Math.min(next + STRIDE, last)
    const start = performance.now()
    next = append(wal, flow, next, end)
    ms += performance.now() - start
    acknowledged.write(next)
    slow?.(next)
    if (next < end) await wal.drain()
    if (next < turnEnd) continue
    await nextTurn()
    turnEnd = next + TURN
  }
  return ms
}

/** A function that waits, without giving up the processor, until it is time for the event behind this one. */
function slowDown({ from, eventsPerMs }: Pace): (eventId: number) => void {
  let begin: number | undefined
  return eventId => {
    if (eventId < from) return
    begin ??= performance.now()
    const due = begin + (eventId - from) / eventsPerMs
    while (performance.now() < due);
  }
}

/** Appends the messages from index `next` to `end`; fewer where the log has no room. The index that comes next. */
function append(wal: OrderRecorder, flow: OrderFlow, next: number, end: number): number {
  const { timeNs, orderId, price, size, type, side } = flow
  let i = next
  try {
    for (; i < end; i++) {
      wal.append.fields(
        timeNs[i] as number,
        orderId[i] as number,
        price[i] as number,
        size[i] as number,
        type[i] as number,
        side[i] as number,
      )
    }
  } catch (error) {
    if (!(error instanceof WalError && error.code === 'WAL_BACKPRESSURE')) throw error
  }
  return i
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
