// Whether the pages ask for the versions of other software that manifests and builds ask for.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { oldestRust } from '../crates.mjs'
import { readJson } from '../lib.mjs'
import { GLIBC_FLOOR } from '../packing/addon-file.mjs'

export function checkRequirements(root, pages) {
  const inFile = (path, pattern) => pattern.exec(readFileSync(join(root, path), 'utf8'))?.[1]
  const needed = [
    [/\bNode(?:\.js)? (\d+) or later/g, readJson(join(root, 'package.json')).engines.node.slice('>='.length)],
    [/\bRust toolchain \(([\d.]+) or later/g, oldestRust()],
    [/\bglibc ([\d.]+) or later/g, GLIBC_FLOOR],
    [
      /\bmacOS (\d+) or later/g,
      inFile('.github/workflows/packages.yml', /MACOSX_DEPLOYMENT_TARGET: "(\d+)\.0"/),
    ],
  ]
  const problems = []
  let checked = 0
  for (const [pattern, version] of needed) {
    const said = pages.flatMap(({ path, text }) =>
      Array.from(text.matchAll(pattern), found => [path, ...found]),
    )
    checked += said.length
    if (said.length === 0) problems.push(`README.md:1: no page says ${pattern.source}`)
    for (const [path, words, other] of said)
      if (other !== version) problems.push(`${path}:1: it says “${words}”, and ${version} is asked for`)
  }
  return { checked, problems }
}
