import { writeQueue } from '../../protocol/index.js';
import { askOk } from '../asking.js';
import type { Client } from '../client.js';

/** What of a pool's objects are steps, and how many there may be. */
export interface StepQueueOptions {
  /** A selector; left out, all objects that have the attribute. */
  readonly select?: string | undefined;
  /** The attribute that says the step: a whole number. Default `step`. */
  readonly by?: string | undefined;
  /** So many steps are offered, the newest; the oldest are withdrawn. Left out: all. */
  readonly keep?: number | undefined;
  /** So many steps may wait for one who requires them, before an offer of the next waits. */
  readonly maxAhead?: number | undefined;
}

/** Defines a queue, or forgets it (null). */
export async function defineStepQueue(
  client: Client,
  name: string,
  options: StepQueueOptions | null,
): Promise<void> {
  const { select = '', by = 'step', keep = 0, maxAhead = 0 } = options ?? {};
  for (const [what, count] of Object.entries({ keep, maxAhead })) {
    if (Number.isInteger(count) && count >= 0 && count <= 0xffff_ffff) continue;
    throw new RangeError(`Cannot define the queue "${name}" with ${what} ${count}`);
  }
  const forget = options === null ? 1 : 0;
  const fields = { name, selector: select, by, keep, maxAhead, forget };
  await askOk(client, `define the queue "${name}"`, (w) => writeQueue(w, fields));
}
