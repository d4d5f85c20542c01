import { fileURLToPath } from 'node:url'
import { walMetrics } from '@flashstrike/telemetry'
import * as recorder from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import { prove, record } from './scenario.mjs'

const [, , role, dir] = process.argv
if (role === 'record') await record(recorder, dir)
else await prove({ Recovery, walMetrics }, fileURLToPath(import.meta.url))
