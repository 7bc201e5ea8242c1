/** A thread that takes back what is granted to slot 0, and says before and after. */
import { workerData } from 'node:worker_threads';
import { WriteGates } from '../../src/server/write-gates.js';

const { memory, said }: { memory: SharedArrayBuffer; said: SharedArrayBuffer } = workerData;
const words = new Int32Array(said);
const gates = new WriteGates(memory);
Atomics.store(words, 0, 1);
Atomics.notify(words, 0);
gates.revoke(0);
Atomics.store(words, 1, 1);
Atomics.notify(words, 1);
