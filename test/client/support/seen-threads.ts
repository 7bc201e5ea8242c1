import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { ToThread } from '../../../src/client/threads.js';
import type { Job } from '../../../src/transforms/jobs.js';

/** What the threads of this process were given to do since this was called, thread by thread. */
export function seenThreads(t: TestContext): Map<Worker, Job[]> {
  const seen = new Map<Worker, Job[]>();
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (this: Worker, message: ToThread, ...rest): void {
    // Those of a pool in this process are told other things.
    if ('call' in message) {
      const jobs = seen.get(this) ?? [];
      seen.set(this, jobs);
      jobs.push(message.call as Job);
    }
    post.call(this, message, ...(rest as []));
  };
  t.after(() => {
    Worker.prototype.postMessage = post;
  });
  return seen;
}
