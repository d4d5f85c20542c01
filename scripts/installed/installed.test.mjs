// Packs the packages, serves them from a registry on loopback, installs them as users do, and looks at what they get. One
// file for the test runner, because all of it shares the registry.
import './nodes.mjs'
import './setup.mjs'
import './matrix.mjs'
import './using.mjs'
import './damaged.mjs'
import './other-runtimes.mjs'
import './documentation.mjs'
import './contents.mjs'
import './manifests.mjs'
import './tarballs.mjs'
import './releasing.mjs'
