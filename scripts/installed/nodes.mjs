// The Nodes that packages are installed and run with. A module of its own, because no test may be there before they are
// known.
import process from 'node:process'
import { MAJORS, nodeOf } from '../node-versions.mjs'

/** Every supported major that runs here, and its program; where that is none but this one, only this one. */
export const nodes = new Map()
for (const major of MAJORS) {
  const node = (await nodeOf(major))?.node
  if (node !== undefined) nodes.set(major, node)
  else console.warn(`SKIPPED: Node ${major}: no binary that runs here`)
}
if (nodes.size === 0) nodes.set(process.versions.node.split('.')[0], process.execPath)
