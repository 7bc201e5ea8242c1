import { assert } from '../core/assert.js';
import type { Writer } from '../core/bytes.js';
import { ENDLESS } from '../core/limits.js';
import type { Agent } from './agent.js';
import type { DataLink } from './data-link.js';
import type { Dice } from './dice.js';
import type { Following } from './following.js';
import type { Holdings } from './holdings.js';
import type { ClientProcess, Request } from './member.js';
import type { Payload, Range } from './oracle-state.js';
import type { Slabs } from './slabs.js';

/** All there are: who asks meets others. */
export const NAMES = [
  ...(['x', 'y', 'z', 'w/1', 'w/2'] as const),
  ...(['w/3', 'w/4', 't850', 't500', 'u', '海'] as const),
] as const;
export const PATTERNS = ['x', 'y', '*', '?', 'w/*'] as const;

/** A lock that is not answered by then is nobody's. */
const LOCK_MS_MAX = 60_000;

/** What a workload is made of, by its seed. */
export interface AskingOptions {
  /** How many of the names are used: one makes everybody meet. */
  readonly names: number;
  readonly waitMsMax: number;
  /** Odds of a wait without end. */
  readonly endlessOdds: number;
  readonly leaseBytesMax: number;
  /** The most that one LEASE may ask for. */
  readonly leaseLimit: number;
  /** Whether offers end by themselves: not where operations that are held do at such moments. */
  readonly hasLifetimes?: boolean;
}

/** A client process with its book. */
export interface Client {
  readonly process: ClientProcess;
  readonly holdings: Holdings;
  /** Null: it has the pool's memory mapped. */
  readonly link: DataLink | null;
}

interface AskingParts {
  readonly slabs: Slabs;
  readonly agent: Agent;
  readonly following: Following;
  readonly now: () => number;
  /** Does something so many ms later. */
  readonly later: (ms: number, action: () => void) => void;
  /** An operation was asked for. */
  readonly count: (operation: string) => void;
}

/**
 * What all requests are made with: chance, and the world around. Deadlines, lifetimes and the like
 * never end at one moment: times of the pool are whole multiples of 4 ms, and each kind of wait has
 * a remainder of its own.
 */
export class Asking {
  readonly dice: Dice;
  readonly options: AskingOptions;
  readonly slabs: Slabs;
  readonly agent: Agent;
  readonly following: Following;
  readonly later: AskingParts['later'];
  /** Something has happened. */
  readonly count: (what: string) => void;
  readonly #names: readonly string[];
  readonly #now: () => number;
  #marks: number;
  /** The newest step that anybody has begun. */
  newestStep = 1;
  /** When a lock may have a deadline again. */
  #lockFreeAt = 0;
  /** When a subscriber may be silent again. */
  #silenceFreeAt = 0;

  constructor(
    dice: Dice,
    options: AskingOptions,
    parts: AskingParts,
    more: { readonly marks?: number; readonly names?: readonly string[] } = {},
  ) {
    this.#marks = more.marks ?? 0;
    this.#names = more.names ?? NAMES.slice(0, options.names);
    this.dice = dice;
    this.options = options;
    this.slabs = parts.slabs;
    this.agent = parts.agent;
    this.following = parts.following;
    this.later = parts.later;
    this.count = parts.count;
    this.#now = parts.now;
  }

  /** What no other content has. */
  nextMark(): number {
    return ++this.#marks;
  }

  of<T>(list: readonly T[]): T {
    const found = list[this.dice(list.length)];
    assert(found !== undefined, 'a list to choose from is not empty');
    return found;
  }

  name(): string {
    return this.#names[this.dice(this.#names.length)] ?? 'x';
  }

  /** Milliseconds, of this remainder by 4. */
  ms(remainder: number): number {
    return remainder + 4 * this.dice(Math.ceil(this.options.waitMsMax / 4));
  }

  /** How long an offer lasts, once in so many; 0: without end. */
  lifetime(seldom: number): number {
    const ms = this.dice(seldom) === 0 ? this.ms(2) : 0;
    return this.options.hasLifetimes === false ? 0 : ms;
  }

  /** How long to wait: without end, or so many ms. */
  deadline(remainder: number): { wire: number; ms: number } {
    if (this.dice(this.options.endlessOdds) === 0) {
      return { wire: ENDLESS, ms: Number.POSITIVE_INFINITY };
    }
    const ms = this.ms(remainder);
    return { wire: ms, ms };
  }

  /**
   * As {@link deadline}, of one lock at a time: which of two ends first that end at one moment is
   * nobody's promise, and the one may wait for the other.
   */
  lockDeadline(): { wire: number; ms: number } {
    const { dice, options } = this;
    // Whose process died before it was answered: its wait ends with its session.
    const isFree = this.#now() >= this.#lockFreeAt;
    if (!isFree || dice(4) === 0) return { wire: ENDLESS, ms: Number.POSITIVE_INFINITY };
    const ms = 4 + 4 * dice(Math.ceil(options.waitMsMax / 4));
    this.#lockFreeAt = this.#now() + LOCK_MS_MAX;
    return { wire: ms, ms };
  }

  lockEnded(): void {
    this.#lockFreeAt = 0;
  }

  /** As {@link lockDeadline}, of a subscriber that is silent; false: another is. */
  takeSilence(msMax: number): boolean {
    if (this.#now() < this.#silenceFreeAt) return false;
    this.#silenceFreeAt = this.#now() + msMax;
    return true;
  }

  endSilence(): void {
    this.#silenceFreeAt = 0;
  }

  /** Mostly a member that has joined. */
  member(client: Client): number {
    const members = [...client.holdings.members];
    return members.length === 0 || this.dice(20) === 0 ? this.dice(3) : this.of(members);
  }

  /** Fills leased memory: now, or some time before a request that needs it goes out. */
  fill({ link }: Client, range: Range, mark: number): void {
    if (link === null) this.slabs.write(range, mark);
    else link.write(range, mark);
  }

  /** Writes a request; the first of its words is the operation. */
  ask(
    client: Client,
    words: string,
    write: (w: Writer) => void,
    apply: Request['apply'],
    more: Partial<Pick<Request, 'onAnswer' | 'waitsMs' | 'about'>> & {
      readonly needs?: Payload;
    } = {},
  ): void {
    const [kind] = words.split(' ');
    this.count(kind ?? words);
    const { onAnswer = () => {}, waitsMs = 0, about = null, needs } = more;
    const { process, link } = client;
    const asked = { words, apply, onAnswer, waitsMs, about };
    const request = (): number => process.request(write, asked);
    if (link === null || needs?.kind !== 'slice') {
      request();
      return;
    }
    link.whenWritten(needs.range, () => {
      if (process.isEnding || !process.isAlive) return;
      request();
      process.flush();
    });
  }
}
