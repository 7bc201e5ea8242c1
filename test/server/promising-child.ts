/** A member in a process of its own: promises one name, says so, and waits for what never comes. */
import { join } from '../../src/client/index.js';

const [address = '', member = '', name = ''] = process.argv.slice(2);
const pool = await join({ address, member });
const promise = await pool.promise({ name });
process.stdout.write('promised\n');
// It lives, and promises, until it is killed.
await pool.object('never').demand();
await promise.close();
