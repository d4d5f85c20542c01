import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib.mjs'

/** The crates that are published, each behind those that it needs. */
export const crates = ['platform', 'segment', 'telemetry', 'recovery', 'recorder'].map(
  name => `flashstrike-${name}`,
)

/** What tells cargo to take these crates and no others. */
export const onlyPublished = crates.flatMap(name => ['--package', name])

/** The crate behind the addon of each package. */
export const addonCrates = {
  'wal-recorder': 'flashstrike-recorder-node',
  'wal-recovery': 'flashstrike-recovery-node',
  telemetry: 'flashstrike-telemetry-node',
}

/** The oldest Rust that the crates promise to compile with. */
export function oldestRust() {
  return /^rust-version = "(.*)"/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))?.[1]
}
