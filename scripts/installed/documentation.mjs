// The code of the READMEs and of the pages that come with the packages, run with what is installed.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { parseMarkdown } from '../docs/markdown.mjs'
import { runAll } from '../docs/run.mjs'
import { readJson, root } from '../lib.mjs'
import { installed, NAMES } from './setup.mjs'

/** What a user has beside them who pushes metrics. */
const OPENTELEMETRY = Object.entries(
  readJson(join(root, 'scripts/opentelemetry/sdk-2/package.json')).dependencies,
)
  .filter(([name]) => name.startsWith('@opentelemetry/'))
  .map(([name, version]) => `${name}@${version}`)

/** The project's README, and every page of the installed packages. */
function pagesFor({ folder }) {
  const ofPackages = NAMES.flatMap(name => {
    const home = join(folder, 'node_modules', name)
    const paths = readdirSync(home, { recursive: true }).filter(path => path.endsWith('.md'))
    return paths.map(path => [`${name}/${path}`, join(home, path)])
  })
  return [['README.md', join(root, 'README.md')], ...ofPackages].map(([name, path]) =>
    parseMarkdown(name, readFileSync(path, 'utf8')),
  )
}

test('the code of every README and installed page runs with what is installed', async t => {
  const place = await installed(t, { extra: OPENTELEMETRY })
  const pages = pagesFor(place)
  const blocks = pages.flatMap(({ path, blocks }) =>
    blocks.filter(({ flags }) => flags.includes('run')).map(block => ({ ...block, page: path })),
  )
  for (const page of ['README.md', ...NAMES.map(name => `${name}/README.md`)])
    t.true(
      blocks.some(block => block.page === page),
      page,
    )
  // Its users have another shell.
  const wanted = blocks.filter(({ language }) => process.platform !== 'win32' || language !== 'sh')
  const ran = await runAll(root, place.folder, wanted, { env: place.environment })
  for (const what of ran.skipped) t.log(`SKIPPED: ${what}`)
  t.deepEqual(ran.problems, [])
  t.true(ran.checked > 10, `${ran.checked} blocks`)
})
