import { collect } from './lib.mjs'

/** The target triple of this machine, as its nightly compiler says it; undefined where there is none. */
export async function nightlyHost() {
  const { code, stdout } = await collect('cargo', ['+nightly', '-vV'])
  return code === 0 ? stdout.match(/^host: (.*)$/m)?.[1] : undefined
}

/** How to get one. */
export const HOW = 'rustup toolchain install nightly'
