import { parentPort, workerData } from 'node:worker_threads';
import { answeredError } from '../core/thread-answers.js';
import { loadLibc } from '../levels/shm/native.js';
import { type Job, type Memory, perform } from '../transforms/jobs.js';
import type { FromThread, ToThread } from './threads.js';

/**
 * A thread that copies and transforms. It sees the memory of the process by address: the thread
 * that gave the job keeps that memory, and looks at nothing in it until the job has ended.
 */
async function begin(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('this file is a thread');
  const isAlone: boolean = workerData.isAlone === true;
  const libc = isAlone ? null : await loadLibc();
  if (!isAlone) port.postMessage('loaded');
  const views = new Views((address, length) => {
    if (libc === null) throw new Error('this thread sees no memory of others');
    return libc.view(address, length);
  });
  const reach = (memory: Memory): Uint8Array => views.reach(memory);
  port.on('message', ({ id, call: job }: ToThread) => {
    void run(id, job).then(({ told, moved }) => port.postMessage(told, moved));
  });

  async function run(id: number, job: Job): Promise<{ told: FromThread; moved: ArrayBuffer[] }> {
    try {
      const result = await perform(job, reach);
      if (typeof result === 'number') return { told: { id, result }, moved: [] };
      const { buffer } = result instanceof Uint8Array ? result : result.bytes;
      return { told: { id, result }, moved: [buffer as ArrayBuffer] };
    } catch (error) {
      return { told: answeredError(id, error, 'transform-failed'), moved: [] };
    }
  }
}

/** Views that are kept: a few slabs, and a few arrays that are filled piece by piece. */
const VIEWS_MAX = 16;

/**
 * Buffers over memory of the process. To make one costs a full garbage collection, so the last are
 * kept: where the same memory is named again they are right, and else they are not looked at.
 */
class Views {
  readonly #made = new Map<string, ArrayBuffer>();
  readonly #make: (address: bigint, length: number) => ArrayBuffer;

  constructor(make: (address: bigint, length: number) => ArrayBuffer) {
    this.#make = make;
  }

  reach({ address, length, offset, size }: Memory): Uint8Array {
    if (size === 0) return new Uint8Array(0);
    const key = `${address} ${length}`;
    const buffer = this.#made.get(key) ?? this.#make(address, length);
    // The last one used is the last in order.
    this.#made.delete(key);
    this.#made.set(key, buffer);
    const [oldest = key] = this.#made.keys();
    if (this.#made.size > VIEWS_MAX) this.#made.delete(oldest);
    return new Uint8Array(buffer, offset, size);
  }
}

await begin();
