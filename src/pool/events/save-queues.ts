import { AttaccaError } from '../../core/errors.js';
import { checkSaved, type StateReader, type StateWriter } from '../../core/state-codec.js';
import { VERSION_FLAG } from '../rows.js';
import type { PoolState } from '../state.js';
import { versionHas } from '../versions.js';
import { addQueue, type StepQueue } from './queues.js';

export function saveQueues({ events }: PoolState, w: StateWriter): void {
  w.u32(events.queues.size);
  for (const { asked, meant, stepOf, producers } of events.queues.values()) {
    w.text(asked.name);
    w.text(asked.selector);
    w.text(asked.by);
    w.u32(asked.keep);
    w.u32(asked.maxAhead);
    w.text(meant);
    for (const pairs of [stepOf, producers]) {
      w.u32(pairs.size);
      for (const [row, step] of pairs) {
        w.u32(row);
        w.f64(step);
      }
    }
  }
}

/** Which versions of a step are offered is seen again. */
export function restoreQueues(pool: PoolState, r: StateReader): void {
  for (let count = r.count(32); count > 0; count--) {
    const asked = { name: r.text(), selector: r.text(), by: r.text() };
    const bounds = { keep: r.u32(), maxAhead: r.u32() };
    checkSaved(!pool.events.queues.has(asked.name), 'a queue is there once');
    const queue = queueOfSaved(pool, { ...asked, ...bounds }, r.text());
    for (let left = r.count(12); left > 0; left--) {
      const version = r.u32();
      const step = r.f64();
      checkSaved(version > 0 && pool.versions.has(version), 'what is of a step is there');
      if (versionHas(pool, version, VERSION_FLAG.offered)) queue.offer(version, step);
      else queue.stepOf.set(version, step);
    }
    for (let left = r.count(12); left > 0; left--) {
      const member = r.u32();
      checkSaved(pool.members.has(member), 'who offers to a queue is a member');
      queue.producers.set(member, r.f64());
    }
  }
}

function queueOfSaved(pool: PoolState, asked: StepQueue['asked'], meant: string): StepQueue {
  try {
    return addQueue(pool, asked, meant);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    throw new AttaccaError('journal-damaged', `Cannot restore a state: ${error.message}`);
  }
}
