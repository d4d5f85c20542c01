import { mkdirSync, rmSync } from 'node:fs'

/** Runs `work` with an empty directory that is gone afterwards. */
export async function withScratch<T>(dir: string, work: (dir: string) => T | Promise<T>): Promise<T> {
  const scratch = `${dir}/round`
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { recursive: true })
  try {
    return await work(scratch)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
