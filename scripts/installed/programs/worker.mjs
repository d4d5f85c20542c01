import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { walMetrics } from '@flashstrike/telemetry'
import * as recorder from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import { prove, record } from './scenario.mjs'

const [, , role, dir] = process.argv
const program = fileURLToPath(import.meta.url)
const inWorker = data => new Worker(program, { workerData: data, argv: process.argv.slice(2) })

if (isMainThread) inWorker(role === 'record' ? { dir } : { program })
else if (workerData.dir !== undefined) await record(recorder, workerData.dir)
else await prove({ Recovery, walMetrics }, workerData.program)
