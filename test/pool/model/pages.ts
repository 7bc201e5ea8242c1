import { isRequired, type Oracle } from '../../../src/sim/oracle.js';
import type { Book, MLease, MSession, Range } from '../../../src/sim/oracle-state.js';

/** Every lease is one page. */
export const PAGE_BYTES = 4_096;

/** The book of a pool in which all leases are one page: so it foresees who is served, and when. */
export class Pages implements Book {
  readonly #total: number;
  readonly #leased = new Map<MSession, Set<Range>>();
  readonly #versions: Oracle['versions'];

  /** `versions`: those of its oracle. */
  constructor(total: number, versions: Oracle['versions']) {
    this.#total = total;
    this.#versions = versions;
  }

  of(session: MSession): Set<Range> {
    const known = this.#leased.get(session);
    if (known !== undefined) return known;
    const pages = new Set<Range>();
    this.#leased.set(session, pages);
    return pages;
  }

  /** All that is used. */
  *used(): Iterable<Range> {
    for (const pages of this.#leased.values()) yield* pages;
    for (const { payload } of this.#versions) if (payload.kind === 'slice') yield payload.range;
  }

  get free(): number {
    return this.#total - [...this.used()].length;
  }

  offered(session: MSession, range: Range): boolean {
    return this.of(session).delete(range);
  }

  isAdopted(): boolean {
    return false;
  }

  mayGive(): boolean {
    return true;
  }

  given(session: MSession, range: Range): void {
    this.of(session).add(range);
  }

  freed(): void {}

  returned(session: MSession, range: Range): boolean {
    return this.of(session).delete(range);
  }

  ended(session: MSession): void {
    this.#leased.delete(session);
  }

  /** First come, first served; but what somebody requires may use the reserve, and pass by. */
  next(queue: readonly MLease[]): { lease: MLease; range: Range } | null {
    const reserve = Math.floor(this.#total / 8);
    const urgent = queue.find((each) => each.object !== null && isRequired(each.object));
    for (const lease of [queue[0], urgent]) {
      if (lease === undefined) continue;
      const kept = lease.object !== null && isRequired(lease.object) ? 0 : reserve;
      if (this.free - kept < 1) continue;
      const range: Range = { slab: -1, offset: -1, size: PAGE_BYTES };
      this.of(lease.session).add(range);
      return { lease, range };
    }
    return null;
  }
}
