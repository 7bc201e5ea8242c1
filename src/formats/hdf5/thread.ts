import { parentPort } from 'node:worker_threads';
import { assert } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';
import { type Answered, type Asked, answeredError } from '../../core/thread-answers.js';
import { Hdf5Library } from './library.js';
import { Hdf5File } from './reader.js';
import type { Call, Result } from './remote.js';
import { Hdf5Writer } from './writer.js';

/**
 * A thread with one file. The library's calls do not return before they are done, and its memory
 * does not shrink: both end with the thread.
 */
async function begin(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('this file is a thread');
  const loaded = await Hdf5Library.load().catch((error: unknown) => error);
  let file: Hdf5File | null = null;
  let writer: Hdf5Writer | null = null;
  const perform = (call: Call): Result => {
    if (!(loaded instanceof Hdf5Library)) throw loaded;
    const library = loaded;
    switch (call.kind) {
      case 'open': {
        file = new Hdf5File(library, call.path);
        const { dataset, skipped } = file;
        return { kind: 'opened', dataset, skipped };
      }
      case 'read': {
        assert(file !== null, 'a file is opened before it is read');
        const bytes = file.readBlock(call.place, call.block);
        return { kind: 'read', bytes };
      }
      case 'create': {
        const made = new Hdf5Writer(library, call.path, call.dataset, call.layout);
        writer = made;
        const chunks = [...call.dataset.variables.keys()].map((at) => made.chunksOf(at));
        return { kind: 'created', chunks };
      }
      case 'write':
        writer?.writeBlock(call.place, call.block, call.bytes);
        return { kind: 'done' };
      case 'close':
        writer?.close();
        file?.[Symbol.dispose]();
        return { kind: 'done' };
    }
  };
  port.on('message', ({ id, call }: Asked<Call>) => {
    const told = answer(id, () => perform(call));
    const isRead = 'result' in told && told.result.kind === 'read';
    port.postMessage(told, isRead ? [told.result.bytes.buffer as ArrayBuffer] : []);
  });
}

function answer(id: number, work: () => Result): Answered<Result> {
  try {
    return { id, result: work() };
  } catch (error) {
    // What is none of ours ends the thread.
    if (!(error instanceof AttaccaError)) throw error;
    return answeredError(id, error, 'internal');
  }
}

await begin();
