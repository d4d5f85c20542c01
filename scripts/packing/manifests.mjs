// The last form of a package.json, and what a platform's package says of itself.
import { createHash } from 'node:crypto'

/** What every package says, that npm and its registry may trust it. */
const PUBLISH = { access: 'public', provenance: true }

/**
 * Of a package that users name: without what only its build and tests need, with the addons of all platforms and the
 * files that packing adds.
 */
export function rootManifest(manifest, platforms, added) {
  const { scripts, devDependencies, imports, ava, napi, ...kept } = manifest
  const addons = platforms.map(({ name }) => [`${manifest.name}-${name}`, manifest.version])
  const optional = addons.length === 0 ? {} : { optionalDependencies: Object.fromEntries(addons) }
  return { ...kept, files: [...kept.files, ...added], ...optional, publishConfig: PUBLISH }
}

/** Of the package that holds one addon for one platform, in a file with these contents. */
export function platformManifest(owner, platform, file, contents) {
  const { name, version, license, homepage, bugs, repository, engines } = owner
  return {
    name: `${name}-${platform.name}`,
    version,
    description: `The native addon of ${name} for ${platform.name}`,
    license,
    homepage,
    bugs,
    repository,
    engines,
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc === undefined ? {} : { libc: [platform.libc] }),
    type: 'commonjs',
    main: file,
    // The loader compares them with what is installed: loading a damaged addon kills the process.
    addon: { bytes: contents.length, sha256: createHash('sha256').update(contents).digest('hex') },
    files: [file, 'CHANGELOG.md', 'THIRD-PARTY-NOTICES.txt'],
    // An addon cannot be loaded out of an archive.
    preferUnplugged: true,
    publishConfig: PUBLISH,
  }
}

export function platformReadme({ name }, platform) {
  return (
    `# ${name}-${platform.name}\n\n` +
    `The native addon of \`${name}\` for ${platform.name} (\`${platform.target}\`).\n` +
    `It is installed with \`${name}\`; there is nothing in it to use by itself.\n\n` +
    'The licences of the software in it are in THIRD-PARTY-NOTICES.txt.\n\nMIT licence.\n'
  )
}
