import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/**
 * The files that may be the addon for a platform, those that are there, the likeliest first: what was built in a clone,
 * what was put beside a bundle, and what the platform's package holds.
 */
export function addonFiles(home: AddonHome, platform: string): string[] {
  const folder = dirname(originOf(home))
  const file = `${addonName(home.packageName)}.${platform}.node`
  const local = [join(folder, '../native', file), join(folder, file)].filter(path => existsSync(path))
  const packaged = resolveFrom(home, `${home.packageName}-${platform}`)
  return packaged === undefined ? local : [...local, packaged]
}

/** Those of the platforms whose package is installed. */
export function installedPlatforms(home: AddonHome, platforms: readonly string[]): string[] {
  return platforms.filter(name => resolveFrom(home, `${home.packageName}-${name}`) !== undefined)
}

/**
 * What `require` finds from the module itself and, since a package manager may show the platform's package to its owner
 * alone, from the owner: a bundle is not part of it.
 */
function resolveFrom(home: AddonHome, name: string): string | undefined {
  const origin = originOf(home)
  const owner = tryResolve(origin, `${home.packageName}/package.json`)
  return tryResolve(origin, name) ?? (owner === undefined ? undefined : tryResolve(owner, name))
}

function tryResolve(origin: string, name: string): string | undefined {
  try {
    return createRequire(origin).resolve(name)
  } catch {
    return undefined
  }
}
