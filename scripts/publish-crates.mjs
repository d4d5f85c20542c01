// node scripts/publish-crates.mjs: publishes the crates, each behind those that it needs. One whose version is there
// already is passed over, so that a run that failed half-way can be started again.
import { crates } from './crates.mjs'
import { answer, collect, must, run, say } from './lib.mjs'

await run(async () => {
  const { packages } = JSON.parse(
    await answer('cargo metadata', 'cargo', ['metadata', '--no-deps', '--format-version', '1']),
  )
  for (const name of crates) {
    const { version } = packages.find(candidate => candidate.name === name)
    const { code } = await collect('cargo', ['info', '--registry', 'crates-io', `${name}@${version}`])
    if (code === 0) say(`${name} ${version} is published`)
    else say(await must(`publishing ${name}`, 'cargo', ['publish', '--locked', '--package', name]))
  }
  return 0
})
