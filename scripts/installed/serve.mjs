// node serve.mjs CONFIG: the registry itself, at a port of loopback that nobody else has; it tells its parent which, and
// ends with it, however that ends.
import process from 'node:process'
import { runServer } from 'verdaccio'

const [, , config] = process.argv
process.on('disconnect', () => process.exit())
const server = await runServer(config)
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
