import { assert } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import type { Facts } from '../core/selector/verdict.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { beginningOf } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import { KeyMap } from './attributes.js';
import type { HeldOperation, Lane } from './events/held-operation.js';
import type { Attachment, Subscription } from './events/subscription.js';

/** Handles of a session by the client's numbers: segments, so that a large number costs little. */
const SEGMENT_BITS = 10;
const SEGMENT = 1 << SEGMENT_BITS;

class HandleMap {
  /** Each with one more element: how many of its numbers are in use. */
  readonly #segments = new Map<number, Uint32Array>();
  #lastIndex = -1;
  #last: Uint32Array = new Uint32Array(0);
  /** One segment without numbers is kept: a client that uses few at a time makes no garbage. */
  #empty = -1;
  used = 0;

  get bytesUsed(): number {
    return this.#segments.size * (SEGMENT + 1) * 4;
  }

  get(number: number): number {
    const segment = this.#segment(number >>> SEGMENT_BITS);
    return segment === undefined ? 0 : (segment[number & (SEGMENT - 1)] as number);
  }

  set(number: number, row: number): void {
    const index = number >>> SEGMENT_BITS;
    const segment = this.#segment(index) ?? this.#add(index);
    const at = number & (SEGMENT - 1);
    const delta = (row === 0 ? 0 : 1) - (segment[at] === 0 ? 0 : 1);
    segment[at] = row;
    this.used += delta;
    const used = (segment[SEGMENT] as number) + delta;
    segment[SEGMENT] = used;
    if (used > 0 || index === this.#empty) return;
    // Numbers that are never used again must not cost memory.
    const empty = this.#segments.get(this.#empty);
    if (empty !== undefined && empty[SEGMENT] === 0) this.#segments.delete(this.#empty);
    this.#lastIndex = -1;
    this.#empty = index;
  }

  /** Which segment without numbers is kept decides what becomes of the next one. */
  save(w: StateWriter): void {
    w.u32(this.used);
    w.u32(this.#empty + 1);
    w.u32(this.#segments.size);
    for (const [index, segment] of this.#segments) {
      w.u32(index);
      w.words(segment);
    }
  }

  restore(r: StateReader): void {
    this.used = r.u32();
    this.#empty = r.u32() - 1;
    for (let count = r.count(4 * (SEGMENT + 2)); count > 0; count--) {
      const index = r.u32();
      checkSaved(!this.#segments.has(index), 'a segment of handles is there once');
      this.#segments.set(index, r.words(SEGMENT + 1));
    }
  }

  #segment(index: number): Uint32Array | undefined {
    if (index === this.#lastIndex) return this.#last;
    const segment = this.#segments.get(index);
    if (segment !== undefined) {
      this.#last = segment;
      this.#lastIndex = index;
    }
    return segment;
  }

  #add(index: number): Uint32Array {
    const segment = new Uint32Array(SEGMENT + 1);
    this.#segments.set(index, segment);
    return segment;
  }
}

/** A program under a name: what the pool knows of it. */
export interface Member {
  /** Unique in the pool's life. */
  readonly id: number;
  /** Its number in the session. */
  readonly number: number;
  readonly session: Session;
  readonly name: string;
  /** In UTF-8: what events copy. */
  readonly nameBytes: Uint8Array;
  readonly component: string;
  readonly index: number | null;
  readonly info: ValueMap;
  readonly since: number;
  /** Head of the list of its handles. */
  handles: number;
  handleCount: number;
  offers: number;
  bytesOffered: number;
  openRequires: number;
  /** What it has promised and not closed, by the client's numbers: a session may have many more. */
  readonly promises: Set<number>;
  /** Its subscriptions, by the client's numbers. */
  readonly subscriptions: Set<number>;
  /** Its stay, as it is remembered. */
  activity: number;
}

/** Characters of a process's command line, or host, that are kept to be shown. */
export const PROCESS_TEXT_MAX = 1_000;

/**
 * What a member runs: what it says of itself, as one process can run many programs as members of
 * their own; else the command of its process.
 */
export function commandOf(process: ValueMap, info: ValueMap): Value {
  const command = info['command'];
  if (typeof command === 'string') return beginningOf(command, PROCESS_TEXT_MAX);
  return process['command'] ?? null;
}

const OUT_BYTES = 512;
const OUT_KEPT_BYTES_MAX = 256 * 1024;

/** What was sent to sessions and is kept, as they have not acknowledged it. */
export interface Unread {
  readonly bytesHeld: number;
  bytesHeldFor(session: number): number;
}

export const NOTHING_UNREAD: Unread = { bytesHeld: 0, bytesHeldFor: () => 0 };

/** One client process. It outlives its connections. */
export class Session {
  readonly id: number;
  readonly process: ValueMap;
  readonly since: number;
  readonly keys = new KeyMap();
  readonly handles = new HandleMap();
  readonly members = new Map<number, Member>();
  readonly promises = new Map<number, PromiseRow>();
  readonly subscriptions = new Map<
    number,
    { readonly one: Subscription; readonly attachment: Attachment }
  >();
  /** Requests that are held, and those that stand behind one. */
  readonly lanes = new Map<Lane, HeldOperation[]>();
  /** What the pool has to say to it since the last drain. */
  out = new Writer(OUT_BYTES);
  outMessages = 0;
  /** A run of successes that is not written yet. */
  okFirst = 0;
  okLast = 0;
  okBytes = 0;
  /** It was asked to give memory back, and has not since. */
  reclaimAsked = false;
  dirty = false;
  ended = false;

  constructor(id: number, process: ValueMap, since: number) {
    this.id = id;
    this.process = process;
    this.since = since;
  }

  /** Members and promises are saved with the pool's. */
  save(w: StateWriter): void {
    assert(!this.dirty && this.out.at === 0 && this.outMessages === 0, 'all was taken to be sent');
    assert(!this.ended && this.okFirst === 0, 'a session lives and has its answers');
    w.u32(this.id);
    w.valueMap(this.process);
    w.f64(this.since);
    this.keys.save(w);
    this.handles.save(w);
    w.flag(this.reclaimAsked);
  }

  static restore(r: StateReader): Session {
    const session = new Session(r.u32(), r.valueMap(), r.f64());
    session.keys.restore(r);
    session.handles.restore(r);
    session.reclaimAsked = r.flag();
    return session;
  }

  /** What it had to say has been taken. */
  drained(): void {
    this.dirty = false;
    this.outMessages = 0;
    // A batch that was large once must not cost memory for as long as the session lives.
    if (this.out.bytes.length > OUT_KEPT_BYTES_MAX) this.out = new Writer(OUT_BYTES);
    else this.out.reset();
  }
}

export type PromiseKind = 'name' | 'glob' | 'selector';

/** What a member said it will offer. */
export interface PromiseRow {
  readonly id: number;
  readonly member: string;
  readonly kind: PromiseKind;
  /** A name, a glob, or what a selector meant when it was promised. */
  readonly pattern: string;
  /** What is known of each object that it is about. */
  readonly facts: Facts;
  /** Of a glob: whether a name is one of those. */
  readonly matches: (bytes: Uint8Array, start: number, end: number) => boolean;
  /** `grace`: its member died; open until the timer ends. */
  state: 'open' | 'grace' | 'closed';
  readonly since: number;
  /** The member and number it can be closed by; 0 once its member is gone. */
  memberId: number;
  timer: number;
}
