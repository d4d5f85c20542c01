// Where pictures are kept, and what draws them meanwhile.
import { join } from 'node:path'
import { root } from '../lib.mjs'

export const pictures = join(root, 'docs/pictures')
export const program = join(root, 'packages/telemetry/bin/flashstrike-telemetry.js')
export const observability = join(root, 'packages/telemetry/observability')
