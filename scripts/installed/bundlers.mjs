// The bundlers that programs are bundled with, as docs/packages.md tells their users to.
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import webpack from 'webpack'

/** Bundles a program of a folder into `outfile`; `options` are esbuild's. */
export function bundleByEsbuild({ folder }, entry, outfile, options) {
  return build({
    // From there it looks for what Yarn 4 has instead of node_modules.
    absWorkingDir: folder,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
    ...options,
  })
}

const ES_MODULE = { module: true, chunkFormat: 'module' }
const LEFT_OUT = [/^@flashstrike\//]

/** What webpack is told for each bundle that works. */
export const byWebpack = {
  'external.mjs': {
    entry: './module.mjs',
    output: ES_MODULE,
    externalsType: 'module',
    externals: LEFT_OUT,
  },
  'external.cjs': { entry: './common.cjs', externalsType: 'commonjs', externals: LEFT_OUT },
  'whole.mjs': {
    entry: './module.mjs',
    output: ES_MODULE,
    module: { parser: { javascript: { createRequire: false, importMeta: false } } },
  },
  'whole.cjs': { entry: './common.cjs', module: { parser: { javascript: { createRequire: false } } } },
}

/** Bundles a program into `outfile`, named as above; gives webpack's complaints. */
export async function bundleByWebpack({ folder }, outfile) {
  const { output, ...options } = byWebpack[basename(outfile)]
  const stats = await promisify(webpack)({
    mode: 'production',
    target: 'node20',
    context: folder,
    experiments: { outputModule: output?.module ?? false },
    output: { path: join(folder, dirname(outfile)), filename: basename(outfile), ...output },
    ...options,
  })
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true })
  return [...errors, ...warnings].map(({ message }) => message)
}
