const { walMetrics } = require('@flashstrike/telemetry')
const recorder = require('@flashstrike/wal-recorder')
const { Recovery } = require('@flashstrike/wal-recovery')

async function main([, , role, dir]) {
  const { prove, record } = await import('./scenario.mjs')
  if (role === 'record') await record(recorder, dir)
  else await prove({ Recovery, walMetrics }, __filename)
}

main(process.argv).catch(error => {
  console.error(error)
  process.exitCode = 1
})
