import { setImmediate as turn } from 'node:timers/promises';
import type { FieldDtype, FieldObject } from '../exchange/exchange.js';
import type { FieldSums } from '../sums.js';
import { InFlight } from './in-flight.js';
import { offerAttributes } from './program.js';
import type { Tally } from './tally.js';

/** Fields offered whose acknowledgement may be due. */
const IN_FLIGHT_MAX = 32;

/** Hands over fields as a producer does that has more to compute: it waits for no answer. */
export class Producer {
  readonly #tally: Tally;
  readonly #inFlight = new InFlight(IN_FLIGHT_MAX);

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Offers a field and lets it go out; the pool answers while the next one is computed. */
  async offer<D extends FieldDtype>(field: FieldObject<D>, sums: FieldSums): Promise<void> {
    const bytes = field.bytes.length;
    await this.#tally.stalled(async () => {
      field.set({ attributes: offerAttributes(sums) });
      // Who has required the field is served; then its memory is free.
      this.#inFlight.add(field.handOver());
      await turn();
      await field.sent?.();
      await this.#inFlight.room();
    });
    this.#tally.add({ fields: 1, bytes });
  }

  /** Returns when the pool has answered all; rejects with the first refusal. */
  async settle(): Promise<void> {
    await this.#tally.stalled(() => this.#inFlight.settle());
  }
}
