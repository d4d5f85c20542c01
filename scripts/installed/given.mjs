// Whether the packages were given, as those that a release has made: then nothing is built here, and there may be no Rust.
import process from 'node:process'
import test from 'ava'

/** The folder of the packages that were given; undefined where the clone makes its own. */
export const givenPackages = process.env.FLASHSTRIKE_PACKAGES

/** A test of what only a clone has that makes its own. */
export const testOfClone = givenPackages === undefined ? test : test.skip
if (givenPackages !== undefined) console.warn('SKIPPED: packages were given, and a clone makes its own')
