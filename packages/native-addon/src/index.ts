/**
 * Finds and loads the native addon of a FlashStrike package. Its packages need it; it is of no use without them.
 *
 * @packageDocumentation
 */
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { AGAIN, adviceFor, FROM_SOURCE, OF_ANOTHER_SYSTEM, REINSTALL, reasonOf } from './advice.js'
import { damageOf, type PackedAddon, packedAddon } from './contents.js'
import {
  type AddonHome,
  addonFile,
  addonName,
  bundleFolder,
  installedPlatforms,
  looseAddons,
  manifestOf,
} from './places.js'
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

/**
 * Loads a package's addon, without waiting, so that `require` of the package works too. The addon has to say that it is
 * this package's, and of this version.
 *
 * @throws what `error` makes, where none can be had: it names the platform, the package expected and the way out
 */
export function loadAddon<Binding>(description: AddonDescription, platform = platformName()): Binding {
  const expected = `${addonName(description.packageName)} ${VERSION}`
  const failures: Failure[] = []
  for (const find of candidates(description, platform)) {
    const outcome = tryAddon<Binding>(find, expected)
    if ('binding' in outcome) return outcome.binding
    failures.push(outcome)
  }
  const { what, wayOut, cause } = failures[0] ?? missing(description, platform)
  const here = `${platform}, Node.js ${process.versions.node}`
  const message = `${description.packageName} has no native addon that runs here (${here}): ${what}. ${wayOut}`
  throw description.error(message, cause === undefined ? {} : { cause })
}

/** What may be the addon, the likeliest first; what a package says of its own is read when it is wanted. */
function candidates(home: AddonHome, platform: string): (() => PackedAddon)[] {
  const loose = looseAddons(home, platform).map(file => () => ({ file }))
  const manifest = manifestOf(home, platform)
  if (manifest === undefined) return loose
  return [...loose, () => packedAddon(manifest, addonFile(home, platform))]
}

function tryAddon<Binding>(find: () => PackedAddon, expected: string): { binding: Binding } | Failure {
  let addon: PackedAddon
  try {
    addon = find()
    const defect = defectOf(addon)
    if (defect !== undefined) return { what: `${addon.file} ${defect}`, wayOut: REINSTALL }
  } catch (cause) {
    return {
      what: `its package cannot be read: ${reasonOf(cause)}`,
      wayOut: adviceFor(cause),
      cause,
    }
  }
  return load<Binding>(addon.file, expected)
}

/** What is wrong with a file as it stands there, or undefined. */
function defectOf({ file, contents }: PackedAddon): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return 'is missing, although its package is installed'
  if (!stat.isFile()) return 'is not a file'
  const damage = contents && damageOf(file, contents)
  return damage && `is damaged: ${damage}`
}

function load<Binding>(file: string, expected: string): { binding: Binding } | Failure {
  let binding: Binding & { readonly BUILD?: unknown }
  try {
    binding = createRequire(file)(file)
  } catch (cause) {
    const said = reasonOf(cause).replace(`${file}: `, '')
    return { what: `${file} cannot be loaded: ${said}`, wayOut: adviceFor(cause), cause }
  }
  const found = typeof binding.BUILD === 'string' ? binding.BUILD : 'something else'
  if (found === expected) return { binding }
  return { what: `${file} is ${found}, and not ${expected}`, wayOut: REINSTALL }
}

function missing(home: AddonHome, platform: string): Failure {
  if (!SUPPORTED.includes(platform)) {
    return { what: `there are prebuilt ones for ${SUPPORTED.join(', ')} only`, wayOut: FROM_SOURCE }
  }
  const others = installedPlatforms(home, SUPPORTED)
  const instead = others.length === 0 ? '' : `, only that for ${others.join(' and ')}`
  const name = `${home.packageName}-${platform} ${VERSION}`
  const bundle = bundleFolder(home)
  if (bundle === undefined)
    return { what: `the package ${name} is not installed${instead}`, wayOut: OF_ANOTHER_SYSTEM }
  const file = addonFile(home, platform)
  return {
    what: `${join(bundle, file)} is missing, and the package ${name} is not installed${instead}`,
    wayOut: `Put ${file} of that package beside the bundle, or, in the folder where it runs, ${AGAIN}`,
  }
}
