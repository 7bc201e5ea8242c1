import type { Pool, PoolObject } from 'attacca';

/**
 * Each of some members gives a row, and all get all rows: an object of as many rows for each round,
 * of which every member offers one. Nobody waits for more than the slowest row.
 *
 * A row stays until its member has all rows of the next round: then all others have given theirs to
 * that, so they have had this one.
 */
export class Exchange {
  readonly #pool: Pool;
  readonly #of: { readonly name: string; readonly part: number; readonly parts: number };
  #round = 0;
  #given: PoolObject | null = null;

  constructor(
    pool: Pool,
    of: { readonly name: string; readonly part: number; readonly parts: number },
  ) {
    this.#pool = pool;
    this.#of = of;
  }

  /** Gives a row, gets all, one after the other. */
  async all(row: Float64Array<ArrayBuffer>): Promise<Float64Array> {
    const { name, part, parts } = this.#of;
    const space = { dtype: 'float64', shape: [parts, row.length] } as const;
    const given = this.#pool.object(`${name}/${this.#round}`, { space });
    await given.region([part, null]).write(row).offer();
    const rows = await this.#pool.object(given.name, { space }).demand();
    const copy = rows.copy();
    await rows.dispose();
    await this.#given?.withdraw();
    this.#given = given;
    this.#round += 1;
    return copy;
  }

  /** When all others have had the last round. */
  async end(): Promise<void> {
    await this.#given?.withdraw();
    this.#given = null;
  }
}
