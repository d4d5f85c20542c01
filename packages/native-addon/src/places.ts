import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reasonOf } from './advice.js'

/** A package with an addon, as seen from the module that wants it. */
export interface AddonHome {
  /** The package, e.g. `@flashstrike/wal-recorder`; the names of its platform packages begin with it. */
  readonly packageName: string
  /** `import.meta.url` of the module that wants it; a bundle in CommonJS has none. */
  readonly from: string | undefined
}

/** The name of the addon in files. */
export function addonName(packageName: string): string {
  return packageName.slice(packageName.indexOf('/') + 1)
}

/**
 * Where a bundle has put this module, or the one that wants the addon: CommonJS knows its file by another name than ES
 * modules, and a bundle in CommonJS leaves `import.meta` empty.
 */
function originOf({ from }: AddonHome): string {
  const own = typeof __filename === 'string' ? __filename : import.meta.url
  const origin = from ?? own
  return origin.startsWith('file:') ? fileURLToPath(origin) : origin
}

/** Name of the file that holds the addon for a platform. */
export function addonFile({ packageName }: AddonHome, platform: string): string {
  return `${addonName(packageName)}.${platform}.node`
}

/** The addons without a package, those that are there: what was built in a clone, and what was put beside a bundle. */
export function looseAddons(home: AddonHome, platform: string): string[] {
  const folder = dirname(originOf(home))
  const file = addonFile(home, platform)
  return [join(folder, '../native', file), join(folder, file)].filter(path => existsSync(path))
}

/** Those of the platforms whose package is installed. */
export function installedPlatforms(home: AddonHome, platforms: readonly string[]): string[] {
  return platforms.filter(name => manifestOf(home, name) !== undefined)
}

/** The folder that the module was bundled into, or undefined where it stands in its package. */
export function bundleFolder(home: AddonHome): string | undefined {
  const folder = dirname(originOf(home))
  const owner = tryResolve(originOf(home), `${home.packageName}/package.json`)
  const isInside = owner !== undefined && !/^\.\.([\\/]|$)|^[a-z]:/i.test(relative(dirname(owner), folder))
  return isInside ? undefined : folder
}

/**
 * The package.json of a platform's package that `require` finds from the module itself and, since a package manager may
 * show the platform's package to its owner alone, from the owner: a bundle is not part of it.
 */
export function manifestOf(home: AddonHome, platform: string): string | undefined {
  const origin = originOf(home)
  const owner = tryResolve(origin, `${home.packageName}/package.json`)
  const wanted = `${home.packageName}-${platform}/package.json`
  return tryResolve(origin, wanted) ?? (owner === undefined ? undefined : tryResolve(owner, wanted))
}

function tryResolve(origin: string, name: string): string | undefined {
  try {
    return createRequire(origin).resolve(name)
  } catch (cause) {
    // One that is there but empty or cut short is told as damaged, where it is read, and not as missing.
    return /^(?:Error parsing|Invalid package config) (.*package\.json)/.exec(reasonOf(cause))?.[1]
  }
}
