// What the README says of a clone: the order flow, and a program of one's own. Played in a copy, because it is added to.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import test from 'ava'
import { parseMarkdown } from '../docs/markdown.mjs'
import { collect, root } from '../lib.mjs'
import { givenPackages, testOfClone } from './given.mjs'

const NOT_COPIED = new Set(['.git', 'node_modules', 'target'])

const { blocks } = parseMarkdown('README.md', readFileSync(join(root, 'README.md'), 'utf8'))

/** The commands of the README that a pattern finds, as somebody types them. */
function commands(pattern) {
  return blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.split('\n'))
    .filter(line => pattern.test(line))
    .map(line => line.replace(/\s+#.*$/, ''))
}

let clone
test.before(() => {
  if (givenPackages !== undefined) return
  clone = realpathSync(mkdtempSync(join(tmpdir(), 'flashstrike-clone-')))
  const filter = path => path === root || !NOT_COPIED.has(basename(path))
  // Its times are what says that everything is built.
  cpSync(root, clone, { recursive: true, preserveTimestamps: true, filter })
})
test.after.always(() => clone && rmSync(clone, { recursive: true, force: true }))

/** Types a command in the clone, where somebody is who has no CI; gives what it prints. */
async function typed(t, command) {
  const { code, output } = await collect('sh', ['-c', command], { cwd: clone, env: { CI: '' } })
  t.is(code, 0, `${command}\n${output}`)
  return output
}

testOfClone(
  'npm start records an order flow, kills that, recovers, and proves that nothing is missing',
  async t => {
    const [start, ...others] = commands(/^npm start/)
    t.deepEqual(others, [])
    t.regex(await typed(t, start), /^OK: 1,000,000 events through 3 kills, none lost$/m)
    t.regex(await typed(t, `${start} -- --help`), /--kills <n>/)
  },
)

testOfClone('a program of one’s own in a clone finds the packages that it names', async t => {
  const [manifest, ...others] = blocks.filter(({ language }) => language === 'json')
  t.deepEqual(others, [])
  const home = join(clone, 'examples/mine')
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), manifest.code)
  const programs = blocks.filter(({ language, flags }) => language === 'js' && flags.includes('run'))
  // The first records and the second reads that; the third has to be told where its collector is.
  writeFileSync(join(home, 'main.mjs'), programs[0].code + programs[1].code)
  const [build, run, ...more] = commands(/^npm run build|^node examples\/mine\//)
  t.deepEqual(more, [])
  await typed(t, build)
  for (const name of Object.keys(JSON.parse(manifest.code).dependencies))
    t.true(existsSync(join(home, 'node_modules', name)), name)
  t.is(await typed(t, run), '1 10125 3\n')
  t.regex(readFileSync(join(clone, 'pnpm-lock.yaml'), 'utf8'), /^ {2}examples\/mine:$/m)
})
