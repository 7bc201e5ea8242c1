import { refuse } from '../core/assert.js';
import { MESSAGE } from '../protocol/index.js';

/** Requests that bring something which is kept. All else reads, goes on, or gives back. */
const NEW_WORK: ReadonlySet<number> = new Set([
  ...[MESSAGE.join, MESSAGE.declare, MESSAGE.set, MESSAGE.offer, MESSAGE.offerPart],
  ...[MESSAGE.append, MESSAGE.offerGroup],
  ...[MESSAGE.region, MESSAGE.require, MESSAGE.create, MESSAGE.open],
  ...[MESSAGE.writeRegions, MESSAGE.readRegions, MESSAGE.lock],
  ...[MESSAGE.tag, MESSAGE.tagSelected, MESSAGE.gather, MESSAGE.define],
  ...[
    MESSAGE.promise,
    MESSAGE.lease,
    MESSAGE.adopt,
    MESSAGE.subscribe,
    MESSAGE.emit,
    MESSAGE.queue,
  ],
]);

/** Whether a request must wait until the journal has room. */
export function isNewWork(code: number): boolean {
  return NEW_WORK.has(code);
}

/** What such a request is told meanwhile. */
export function refuseNewWork(): never {
  return refuse(
    'journal-full',
    'Cannot begin anything new: the disk of the journal is full; what frees things goes through',
  );
}
