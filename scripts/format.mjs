// npm run format: rewrites Rust and TypeScript as the formatters want them.
import process from 'node:process'
import { install, toolFile } from './bootstrap.mjs'
import { must, run } from './lib.mjs'

await run(async () => {
  await install()
  await must('cargo fmt', 'cargo', ['fmt', '--all'])
  await must('biome', process.execPath, [toolFile('@biomejs/biome', 'biome'), 'check', '--write', '.'], {
    echo: true,
  })
  return 0
})
