import { WalError } from './errors.js'

/** What a package has to say about its addon. */
export interface AddonDescription {
  /** The npm package, which also begins the names of its platform packages. */
  readonly packageName: string
  /** URL of the loader that the addon's build wrote. */
  readonly loader: URL
}

/**
 * Loads a package's native addon.
 *
 * @throws WalError `WAL_UNSUPPORTED` when no binary fits this machine: how to build it, and which one was looked for.
 */
export async function loadAddon<Binding>({ packageName, loader }: AddonDescription): Promise<Binding> {
  try {
    return (await import(loader.href)) as Binding
  } catch (cause) {
    const platform = platformName()
    const message =
      `${packageName} has no native binary for ${platform}: build it with npm run build in the repository, which ` +
      `needs Rust; this version has no prebuilt packages. Looked in native/ and for ${packageName}-${platform}.`
    throw new WalError('WAL_UNSUPPORTED', message, {}, { cause })
  }
}

/** Platform, architecture and C library as the platform packages are named, e.g. `linux-x64-gnu`. */
function platformName(): string {
  const { platform, arch } = process
  if (platform === 'linux') return `${platform}-${arch}-${isGlibc() ? 'gnu' : 'musl'}`
  return platform === 'win32' ? `${platform}-${arch}-msvc` : `${platform}-${arch}`
}

function isGlibc(): boolean {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime !== undefined
}
