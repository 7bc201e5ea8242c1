/** A member in a process of its own: promises one name, says so, and stays. */
import { join } from '../../src/client/index.js';

const [address = '', member = '', name = ''] = process.argv.slice(2);
const pool = await join({ address, member });
await pool.promise({ name });
process.stdout.write('promised\n');
