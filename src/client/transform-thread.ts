import { parentPort, workerData } from 'node:worker_threads';
import { AttaccaError } from '../core/errors.js';
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
  const reach = ({ address, size }: Memory): Uint8Array => {
    if (size === 0 || libc === null) return new Uint8Array(0);
    return new Uint8Array(libc.view(address, size));
  };
  port.on('message', ({ id, job }: ToThread) => {
    void run(id, job).then(({ told, moved }) => port.postMessage(told, moved));
  });

  async function run(id: number, job: Job): Promise<{ told: FromThread; moved: ArrayBuffer[] }> {
    try {
      const result = await perform(job, reach);
      if (typeof result === 'number') return { told: { id, result }, moved: [] };
      const { buffer } = result instanceof Uint8Array ? result : result.bytes;
      return { told: { id, result }, moved: [buffer as ArrayBuffer] };
    } catch (error) {
      return { told: { id, error: describe(error) }, moved: [] };
    }
  }
}

function describe(error: unknown): Extract<FromThread, { error: unknown }>['error'] {
  if (error instanceof AttaccaError) {
    const { code, message, fields } = error;
    return { code, message, fields };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'transform-failed', message, fields: {} };
}

await begin();
