/** Reads the first byte of an object, and says so. */
import { join } from 'attacca';

const pool = await join({ member: 'reader[*]' });
const object = await pool.object(process.argv[2] ?? '').demand();
process.stdout.write(String(object.bytes[0]));
await object.dispose();
await pool.close();
