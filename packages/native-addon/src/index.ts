/**
 * Finds and loads the native addon of a FlashStrike package. Its packages need it; it is of no use without them.
 *
 * @packageDocumentation
 */
import { createRequire } from 'node:module'
import { type AddonHome, addonFiles, addonName, installedPlatforms } from './places.js'
import { platformName, SUPPORTED } from './platform.js'
import { VERSION } from './version.js'

export { SUPPORTED, VERSION }

/** What a package says of its addon. */
export interface AddonDescription extends AddonHome {
  /** Makes the error that is thrown where no addon can be had. */
  error(message: string, options: ErrorOptions): Error
}

/** Why a file, or the lack of one, is of no use, and the way out. */
interface Failure {
  readonly what: string
  readonly wayOut: string
  readonly cause?: unknown
}

const REINSTALL =
  'Delete node_modules and install again, with optional dependencies (npm install --include=optional).'
const OF_ANOTHER_SYSTEM =
  'Where the lockfile or node_modules come from another system, delete both and install again, with optional ' +
  'dependencies (npm install --include=optional).'
const FROM_SOURCE =
  'It can be built from source with Rust: npm run build in a clone of https://github.com/flashstrike/wal.'
const ALLOW_ADDONS =
  'Start Node.js without --no-addons, and with --allow-addons where --permission restricts what it may do.'

/**
 * Loads a package's addon, without waiting, so that `require` of the package works too. The addon has to say that it is
 * this package's, and of this version.
 *
 * @throws what `error` makes, where none can be had: it names the platform, the package expected and the way out
 */
export function loadAddon<Binding>(description: AddonDescription, platform = platformName()): Binding {
  const failures: Failure[] = []
  for (const file of addonFiles(description, platform)) {
    const outcome = tryFile<Binding>(file, `${addonName(description.packageName)} ${VERSION}`)
    if ('binding' in outcome) return outcome.binding
    failures.push(outcome)
  }
  const { what, wayOut, cause } = failures[0] ?? missing(description, platform)
  const here = `${platform}, Node.js ${process.versions.node}`
  const message = `${description.packageName} has no native addon that runs here (${here}): ${what}. ${wayOut}`
  throw description.error(message, { cause })
}

function tryFile<Binding>(file: string, expected: string): { binding: Binding } | Failure {
  let binding: Binding & { readonly BUILD?: unknown }
  try {
    binding = createRequire(file)(file)
  } catch (cause) {
    return { what: `${file} cannot be loaded: ${reasonOf(cause)}`, wayOut: wayOutOf(cause), cause }
  }
  const found = typeof binding.BUILD === 'string' ? binding.BUILD : 'something else'
  if (found === expected) return { binding }
  return { what: `${file} is ${found}, and not ${expected}`, wayOut: REINSTALL }
}

function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return (text.split('\n')[0] ?? '').replace(/\.$/, '')
}

function wayOutOf(cause: unknown): string {
  const isForbidden = (cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED'
  return isForbidden ? ALLOW_ADDONS : `${REINSTALL} ${FROM_SOURCE}`
}

function missing(home: AddonHome, platform: string): Failure {
  if (!SUPPORTED.includes(platform)) {
    return { what: `there are prebuilt ones for ${SUPPORTED.join(', ')} only`, wayOut: FROM_SOURCE }
  }
  const others = installedPlatforms(home, SUPPORTED)
  const instead = others.length === 0 ? '' : `, only that for ${others.join(' and ')}`
  const what = `the package ${home.packageName}-${platform} ${VERSION} is not installed${instead}`
  return { what, wayOut: OF_ANOTHER_SYSTEM }
}
