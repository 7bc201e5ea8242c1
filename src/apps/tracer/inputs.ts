import type { Span } from './lives.js';

/** Of one member: as many as an offer has links, which collectors take by default. */
export const INPUTS_MAX = 128;
/** Members of whom that is known: those who were not heard of for longest are forgotten. */
const MEMBERS_MAX = 1_024;

/**
 * What members may make their next offer of: what each has in hand, and what it has let go since
 * its offer before. Of a member that takes more than so many and offers nothing, those that it let
 * go are forgotten first, the oldest before others.
 */
export class Inputs {
  readonly #byMember = new Map<string, Set<Span>>();

  /** Uses that are remembered, of all members. */
  get size(): number {
    let size = 0;
    for (const uses of this.#byMember.values()) size += uses.size;
    return size;
  }

  /** A member has something in hand. */
  add(use: Span): void {
    const uses = this.#of(use.member);
    if (uses.size >= INPUTS_MAX) {
      const [oldest] = uses;
      const gone = [...uses].find(({ outcome }) => outcome !== '') ?? oldest;
      if (gone !== undefined) uses.delete(gone);
    }
    uses.add(use);
  }

  /** A member offers something; what it has let go is not asked for again. */
  take(member: string): Span[] {
    const uses = this.#byMember.get(member);
    if (uses === undefined) return [];
    const taken = [...uses];
    for (const use of taken) if (use.outcome !== '') uses.delete(use);
    if (uses.size === 0) this.#byMember.delete(member);
    return taken;
  }

  /** A member is gone. */
  forget(member: string): void {
    this.#byMember.delete(member);
  }

  #of(member: string): Set<Span> {
    const uses = this.#byMember.get(member) ?? new Set();
    this.#byMember.delete(member);
    this.#byMember.set(member, uses);
    const [oldest] = this.#byMember.keys();
    if (this.#byMember.size > MEMBERS_MAX && oldest !== undefined) this.#byMember.delete(oldest);
    return uses;
  }
}
