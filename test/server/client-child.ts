/** A client in a process of its own: joins the pool under a name, says so, and stays. */
import { writeJoin } from '../../src/protocol/index.js';
import { RawClient } from './raw-client.js';

const [address = '', name = ''] = process.argv.slice(2);
const client = await RawClient.open(address);
await client.answer(client.send((w) => writeJoin(w, 1, name, {})));
process.stdout.write('joined\n');
await client.untilClosed();
