// npm run pack: every package as it is published, as tarballs in target/packages, with a line on each. Without options
// it packs the addons of this machine, as `npm run build` has made them.
//   --addons DIR   takes the addons from this folder (NAME.PLATFORM.node)
//   --all          fails unless there is one of every package for every platform
//   --release      holds the addons to what is promised of released ones: the oldest glibc
import { parseArgs } from 'node:util'
import { bootstrap, compile, install } from './bootstrap.mjs'
import { run, say } from './lib.mjs'
import { PACKED, packAll } from './packing/packages.mjs'

const { values: options } = parseArgs({
  options: {
    addons: { type: 'string' },
    all: { type: 'boolean', default: false },
    release: { type: 'boolean', default: false },
  },
})

await run(async () => {
  if (options.addons === undefined) await bootstrap()
  else {
    await install()
    await compile()
  }
  for (const { name, packedBytes, bytes, files } of await packAll(options)) {
    const size = `${kib(packedBytes)} packed, ${kib(bytes)} installed`
    say(`${name.padEnd(44)} ${size}, ${files} files`)
  }
  say(`\nTo install them: npm install ${PACKED}/*.tgz`)
  return 0
})

function kib(bytes) {
  return `${(bytes / 1024).toFixed(0).padStart(5)} KiB`
}
