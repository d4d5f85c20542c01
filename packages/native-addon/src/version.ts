/** The version of all packages and addons: they are released together. */
export const VERSION = '0.1.0'
