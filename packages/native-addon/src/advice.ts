/** What to do where no addon can be had. */

export const AGAIN = 'install again, with optional dependencies (npm install --include=optional).'

export const REINSTALL = `Delete node_modules and ${AGAIN}`
export const OF_ANOTHER_SYSTEM = `Where the lockfile or node_modules come from another system, delete both and ${AGAIN}`
export const FROM_SOURCE =
  'It can be built from source with Rust: npm run build in a clone of https://github.com/flashstrike/wal.'

const ALLOW_ADDONS =
  'Start Node.js without --no-addons, and with --allow-addons where --permission restricts what it may do.'
const LET_READ =
  'The user that runs this needs the right to read it, and its file system has to be mounted without noexec.'
const ALLOW_READ = 'Start Node.js with --allow-fs-read for the folders of the packages.'
const FOR_ANOTHER_PROCESSOR =
  'It, or a library that it needs, is missing or for another processor or C library.'
const TOO_OLD = 'The C library here is older than it needs.'

/** By the code of an error of Node.js. */
const BY_CODE: Readonly<Record<string, string>> = {
  ERR_DLOPEN_DISABLED: ALLOW_ADDONS,
  ERR_ACCESS_DENIED: ALLOW_READ,
  EACCES: LET_READ,
  EPERM: LET_READ,
}

/** By what the loaders of the systems say: those of glibc, musl, macOS and Windows. */
const BY_TEXT: readonly (readonly [RegExp, string])[] = [
  [/version `GLIBC_[\d.]+' not found/, `${TOO_OLD} ${FROM_SOURCE}`],
  // glibc does not always say what has kept it from mapping a file; where it does, memory may be it.
  [/permission denied|operation not permitted|access is denied|failed to map segment(?!.*memory)/i, LET_READ],
  [
    /no such file|wrong ELF class|exec format error|incompatible architecture|not a valid win32 application/i,
    `${FOR_ANOTHER_PROCESSOR} ${OF_ANOTHER_SYSTEM} ${FROM_SOURCE}`,
  ],
]

/** The way out where reading or loading a file has failed with this. */
export function adviceFor(cause: unknown): string {
  const { code = '' } = cause as NodeJS.ErrnoException
  const text = reasonOf(cause)
  return (
    BY_CODE[code] ?? BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ?? `${REINSTALL} ${FROM_SOURCE}`
  )
}

/** The first line of what an error says. */
export function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return (text.split('\n')[0] ?? '').replace(/\.$/, '')
}
