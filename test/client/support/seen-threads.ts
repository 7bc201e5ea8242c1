import type { TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { ToThread } from '../../../src/client/threads.js';
import type { Job } from '../../../src/transforms/jobs.js';

/** What the threads of this process were given to do since this was called, thread by thread. */
export function seenThreads(t: TestContext): Map<Worker, Job[]> {
  const seen = new Map<Worker, Job[]>();
  const note = (worker: Worker): void => {
    const jobs: Job[] = [];
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (message: ToThread, ...rest) => {
      // Those of the pool in this process are told other things.
      if ('job' in message) {
        seen.set(worker, jobs);
        jobs.push(message.job);
      }
      post(message, ...(rest as []));
    };
  };
  process.on('worker', note);
  t.after(() => void process.off('worker', note));
  return seen;
}
