/** A short job as a program with the library: objects in, an object out. */
import { join } from 'attacca';
import { checkJobs, countJob, jobWords, SEED } from './work.js';

const { inputs, output, bytes, depth } = jobWords(process.argv.slice(2));
const pool = await join({ member: 'job[*]' });
const made = pool.object(output, { space: { dtype: 'uint8', shape: [bytes] } });
const [first, ...others] = await Promise.all(inputs.map((name) => pool.object(name).demand()));
if (others.length > 0)
  for (const each of [first, ...others]) if (each) checkJobs(each.bytes, depth);
await made.allocate();
if (first === undefined) made.bytes.fill(SEED);
else made.bytes.set(first.unsafeBytes());
countJob(made.bytes);
await made.offer({ keep: true });
await pool.close();
