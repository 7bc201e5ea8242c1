/** The same job over files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { checkJobs, countJob, jobWords, SEED } from './work.js';

const { inputs, output, bytes, depth } = jobWords(process.argv.slice(2));
const [first, ...others] = inputs.map((path) => readFileSync(path));
if (others.length > 0) for (const each of [first, ...others]) if (each) checkJobs(each, depth);
const values = first ?? Buffer.alloc(bytes, SEED);
countJob(values);
writeFileSync(output, values);
