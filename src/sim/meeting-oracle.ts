import { type Expected, type MMember, type MSession, Refusal } from './oracle-state.js';

interface MArrival {
  readonly request: number;
  readonly deadline: number;
}

interface MBarrier {
  readonly members: number;
  readonly arrivals: Map<MMember, MArrival>;
}

interface MeetingOracleParts {
  readonly answer: (session: MSession, request: number, answer: Expected) => void;
}

/** The model of barriers: who waits at each, until as many have come as meet there. */
export class MeetingOracle {
  readonly #barriers = new Map<string, MBarrier>();
  readonly #parts: MeetingOracleParts;

  constructor(parts: MeetingOracleParts) {
    this.#parts = parts;
  }

  meet(
    member: MMember,
    request: number,
    { name, members, deadline }: { name: string; members: number; deadline: number },
  ): Expected | null {
    const known = this.#barriers.get(name);
    if (known !== undefined && known.members !== members) throw new Refusal('bad-argument');
    if (known?.arrivals.has(member)) throw new Refusal('wrong-state');
    const barrier = known ?? { members, arrivals: new Map<MMember, MArrival>() };
    if (barrier.arrivals.size + 1 < members) {
      barrier.arrivals.set(member, { request, deadline });
      this.#barriers.set(name, barrier);
      return null;
    }
    this.#barriers.delete(name);
    for (const [{ session }, arrival] of barrier.arrivals) {
      this.#parts.answer(session, arrival.request, { kind: 'ok' });
    }
    return { kind: 'ok' };
  }

  /** How many barriers there are at which somebody waits, and how many wait there. */
  get counts(): { readonly barriers: number; readonly arrivals: number } {
    return { barriers: this.#barriers.size, arrivals: this.#all().length };
  }

  /** Whether somebody waits at a barrier of that name. */
  isThere(name: string): boolean {
    return this.#barriers.has(name);
  }

  moments(): number[] {
    return this.#all().map(({ deadline }) => deadline);
  }

  /** Who has waited until now goes on without the others. */
  pass(next: number): void {
    for (const { name, member, deadline } of this.#all()) {
      if (deadline === next) this.#takeBack(name, member, 'deadline-passed');
    }
  }

  /** A request is given up; false: it does not wait here. */
  cancel(session: MSession, request: number): boolean {
    const found = this.#all().find(
      (each) => each.member.session === session && each.request === request,
    );
    if (found !== undefined) this.#takeBack(found.name, found.member, 'cancelled');
    return found !== undefined;
  }

  /** A member is gone, and has not come: who has left is told so. */
  remove(gone: MMember, how: 'left' | 'crashed'): void {
    for (const { name, member } of this.#all()) {
      if (member === gone) this.#takeBack(name, member, how === 'left' ? 'cancelled' : null);
    }
  }

  #all(): (MArrival & { readonly name: string; readonly member: MMember })[] {
    return [...this.#barriers].flatMap(([name, { arrivals }]) =>
      [...arrivals].map(([member, arrival]) => ({ ...arrival, name, member })),
    );
  }

  #takeBack(name: string, member: MMember, code: 'cancelled' | 'deadline-passed' | null): void {
    const barrier = this.#barriers.get(name);
    const arrival = barrier?.arrivals.get(member);
    if (barrier === undefined || arrival === undefined) return;
    barrier.arrivals.delete(member);
    if (barrier.arrivals.size === 0) this.#barriers.delete(name);
    if (code === null) return;
    this.#parts.answer(member.session, arrival.request, { kind: 'fail', code });
  }
}
