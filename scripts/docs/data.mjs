// Whether blocks of data are what they are shown as: JSON, and configurations of Prometheus.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outcome } from './shell.mjs'
import { isHere } from './world.mjs'

const READERS = { json: readJson, yaml: readPrometheus }

export async function checkData(_root, pages) {
  const problems = []
  const skipped = isHere('promtool') ? [] : ['no promtool to read configurations with']
  let checked = 0
  const blocks = pages.flatMap(({ path, blocks }) =>
    blocks.filter(({ language }) => language in READERS).map(block => ({ ...block, page: path })),
  )
  for (const { page, line, language, code } of blocks) {
    if (language === 'yaml' && skipped.length > 0) continue
    checked += 1
    const wrong = await READERS[language](code)
    if (wrong !== undefined) problems.push(`${page}:${line}: ${wrong}`)
  }
  return { checked, problems, skipped }
}

function readJson(code) {
  try {
    JSON.parse(code)
    return undefined
  } catch (error) {
    return error.message
  }
}

async function readPrometheus(code) {
  const folder = mkdtempSync(join(tmpdir(), 'flashstrike-docs-'))
  const file = join(folder, 'prometheus.yml')
  writeFileSync(file, code)
  const wrong = await outcome('promtool', ['check', 'config', file], folder)
  rmSync(folder, { recursive: true, force: true })
  return wrong
}
