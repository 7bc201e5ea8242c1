import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { Reader, Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { measure } from '../../src/core/statistics/measure.js';
import { writeStatistics } from '../../src/core/statistics/statistics-codec.js';
import type { ValueMap } from '../../src/core/value.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import type { Effect, MeasureAsked, PoolOptions, PoolState } from '../../src/pool/state.js';
import { transfer } from '../../src/pool/transfer.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  Messages,
  writeKey,
} from '../../src/protocol/index.js';
import { Incoming } from '../../src/session/incoming.js';
import { type AnyMessage, type AnyPart, decodeAny } from '../protocol/decode-any.js';
import { type Answer, Call } from './call.js';
import { Member } from './member.js';

/** The pool of a test: 1 MiB of slabs, one second of default deadline. */
export const OPTIONS: PoolOptions = {
  id: 'test-pool',
  name: 'test',
  hashSeed: 42,
  memoryBytesMax: 1 << 20,
  deadlineDefaultMs: 1_000,
  promiseGraceMs: 100,
  durability: 0,
  slabDurability: 0,
  reportFreed: true,
  hasStore: false,
  statistics: true,
  eventBytesMax: LIMITS.eventBytesMax,
  eventAgeMsMax: 0,
  life: 1,
  lifeBefore: 0,
  wallMs: 0,
  sessionKeyId: 0,
};

export interface HarnessOptions extends Partial<PoolOptions> {
  /** Whether the agent answers at once, or when the test says so. */
  readonly agent?: 'prompt' | 'manual';
  /** Whether the invariants are checked after every run: by default. */
  readonly checked?: boolean;
  /** Whether a twin does again what a journal keeps of every batch: by default. */
  readonly twin?: boolean;
}

/** An EVENT as it was received. */
export type EventSeen = Extract<AnyMessage, { kind: 'event' }>;

/** Slabs beyond this have no contents: tests of the book of memory need none. */
const CONTENTS_BYTES_MAX = 16 << 20;
/** A batch beyond this takes more frames than one. */
const FRAME_BYTES = 1 << 20;
/** What an agent answers. */
const ANSWERED: ReadonlySet<Effect['kind']> = new Set([
  ...(['slab-wanted', 'adopt', 'transfer', 'measure'] as const),
]);
/** What freed bytes become: whoever reads them sees it. */
const POISON = 0xdb;

/**
 * A pool with virtual time, its clients, and an agent that has slabs in ordinary memory. Each call
 * of a client is a frame of its own and stepped at once, unless it is made within {@link batch}.
 * A twin does again what a journal would keep of each batch: it must come to the same.
 */
export class Harness {
  readonly loop: PoolLoop;
  readonly twin: PoolLoop | null;
  now = 1_000;
  readonly clients = new Map<number, Client>();
  /** Every effect that the pool has asked for, and those an agent by hand has not answered. */
  readonly effects: Effect[] = [];
  readonly unanswered: Effect[] = [];
  readonly slabs = new Map<number, Uint8Array>();
  readonly #agent: 'prompt' | 'manual';
  readonly #checked: boolean;
  #batching = false;

  constructor(options: HarnessOptions = {}) {
    const { agent = 'prompt', checked = true, twin = checked, ...pool } = options;
    this.loop = new PoolLoop({ ...OPTIONS, ...pool }, twin ? crc32 : null);
    this.twin = twin ? new PoolLoop({ ...OPTIONS, ...pool }, crc32) : null;
    this.#agent = agent;
    this.#checked = checked;
  }

  get pool(): PoolState {
    return this.loop.pool;
  }

  /** Opens a session. */
  client(process: ValueMap = { host: 'here', pid: 100 + this.clients.size }): Client {
    const client = new Client(this, this.loop.openSession(process));
    this.clients.set(client.session, client);
    this.settle();
    return client;
  }

  /** A member in a session of its own, or in that of `client`. */
  member(name: string, client: Client = this.client()): Member {
    return client.join(name);
  }

  /** Everything called within is stepped together; one frame a client. */
  batch(action: () => void): void {
    assert.ok(!this.#batching, 'batches do not nest');
    this.#batching = true;
    try {
      action();
    } finally {
      this.#batching = false;
    }
    this.settle();
  }

  /** Lets time pass, and what is due end. */
  pass(ms: number): void {
    this.now += ms;
    this.settle();
  }

  /** The process of a session dies. */
  crash(client: Client): void {
    this.loop.input({ kind: 'session-gone', session: client.session, why: 'test' });
    client.gone = true;
    this.settle();
  }

  /** Steps what has been called, until nothing more follows from it. */
  settle(): void {
    if (this.#batching) return;
    for (const client of this.clients.values()) client.flush();
    do {
      const batch = this.loop.step(this.now);
      // Replaying compares what the batch before has done.
      this.twin?.replay(batch);
      const { frames, effects } = this.loop.release(batch);
      // Freed bytes are poisoned before anyone can be told that they are free.
      for (const effect of effects) this.#perform(effect);
      for (const { session, bytes } of frames) this.clients.get(session)?.take(bytes);
      if (this.#checked) checkInvariants(this.pool);
    } while (this.loop.isDue(this.now));
  }

  /** The agent answers what it was asked: a slab is there, a file adopted. */
  answer(effect: Effect): void {
    if (effect.kind === 'slab-wanted') {
      this.#addSlab(effect.slab, effect.size);
      this.loop.input({ kind: 'slab-ready', slab: effect.slab, size: effect.size });
    } else if (effect.kind === 'adopt') {
      this.#addSlab(effect.slab, effect.size);
      const { slab, size, session, request } = effect;
      this.loop.input({ kind: 'adopted', slab, size, session, request, failure: null });
    } else if (effect.kind === 'transfer') {
      transfer(effect, ({ slab, offset, size }) => {
        const bytes = this.slabs.get(slab);
        assert.ok(bytes !== undefined, 'a transfer is between slabs that are there');
        return bytes.subarray(offset, offset + size);
      });
      this.loop.input({ kind: 'transferred', transfer: effect.transfer });
    } else if (effect.kind === 'measure') {
      const results = effect.asked.map((asked) => ({
        ask: asked.ask,
        statistics: this.#measure(asked),
      }));
      this.loop.input({ kind: 'measured', results });
    }
  }

  /** The agent answers everything that it has left unanswered. */
  answerAll(): void {
    for (const effect of this.unanswered.splice(0)) this.answer(effect);
    this.settle();
  }

  effectsOf<K extends Effect['kind']>(kind: K): Extract<Effect, { kind: K }>[] {
    return this.effects.filter((each): each is Extract<Effect, { kind: K }> => each.kind === kind);
  }

  #perform(effect: Effect): void {
    this.effects.push(effect);
    if (ANSWERED.has(effect.kind)) {
      if (this.#agent === 'prompt') this.answer(effect);
      else this.unanswered.push(effect);
    } else if (effect.kind === 'slab-gone') this.slabs.delete(effect.slab);
    else if (effect.kind === 'freed') {
      this.slabs.get(effect.slab)?.fill(POISON, effect.offset, effect.offset + effect.size);
    } else if (effect.kind === 'session-ended') {
      const client = this.clients.get(effect.session);
      if (client !== undefined) client.gone = true;
    }
  }

  /** As the bytes are now, whoever has them. */
  #measure(asked: MeasureAsked): Uint8Array | null {
    const { encoded } = asked;
    // An agent that knows no transforms: what is encoded by none of them it can decode.
    if (encoded !== undefined && !encoded.how.includes('"chain":[]')) return null;
    const inline = encoded?.inline ?? null;
    const bytes = inline ?? this.slabs.get(asked.slab);
    if (bytes === undefined) return null;
    const w = new Writer();
    writeStatistics(w, measure(asked, bytes.subarray(asked.offset, asked.offset + asked.size)));
    return w.written().slice();
  }

  #addSlab(slab: number, size: number): void {
    this.slabs.set(slab, new Uint8Array(size <= CONTENTS_BYTES_MAX ? size : 0));
  }
}

/** A client process: one session, and what it was answered. */
export class Client {
  readonly harness: Harness;
  readonly session: number;
  /** Number of the last request. */
  sent = 0;
  readonly answers = new Map<number, Answer>();
  /** In the order of arrival: the number of each request as it was answered. */
  readonly order: number[] = [];
  readonly notices: AnyMessage[] = [];
  /** What PARTS told, by the request whose DELIVER comes after them. */
  readonly parts = new Map<number, AnyPart[]>();
  /** Deliveries of subscriptions, by their numbers. */
  readonly events = new Map<number, EventSeen[]>();
  gone = false;
  /** It is stopped: frames of the pool lie unread. */
  #isStopped = false;
  #unread: Uint8Array[] = [];
  readonly #out = new Writer();
  readonly #incoming = new Incoming();
  readonly #keys = new Map<string, number>();
  #frameStart = 0;
  #membersMade = 0;
  #handlesMade = 0;
  #promisesMade = 0;
  #subscriptionsMade = 0;

  constructor(harness: Harness, session: number) {
    this.harness = harness;
    this.session = session;
  }

  /** Sends one request that `write` writes. */
  call(write: (w: Writer) => void): Call {
    return this.#sent(write, true);
  }

  #sent(write: (w: Writer) => void, settles: boolean): Call {
    if (this.#out.at === 0)
      this.#frameStart = beginMessages(this.#out, this.sent + 1, this.received);
    write(this.#out);
    const call = new Call(this, ++this.sent);
    if (this.#out.at > FRAME_BYTES) this.flush();
    if (settles) this.harness.settle();
    return call;
  }

  get received(): number {
    return this.#incoming.received;
  }

  /** Hands the frame of what was called to the pool. */
  flush(): void {
    if (this.#out.at === 0) return;
    endFrame(this.#out, this.#frameStart);
    const bytes = this.#out.bytes.slice(0, this.#out.at);
    this.#out.reset();
    if (!this.gone) this.harness.loop.receive(this.session, bytes, FRAME_HEADER_SIZE, bytes.length);
  }

  /** From now on it reads nothing, until it goes on. */
  stop(): void {
    this.#isStopped = true;
  }

  goOn(): void {
    this.#isStopped = false;
    for (const bytes of this.#unread.splice(0)) this.take(bytes);
    this.harness.settle();
  }

  /** Reads what lies there now, and stops again. */
  readOnce(): void {
    const unread = this.#unread.splice(0);
    this.#isStopped = false;
    for (const bytes of unread) this.take(bytes);
    this.#isStopped = true;
    this.harness.settle();
  }

  /** What it has not read. */
  get bytesUnread(): number {
    return this.#unread.reduce((sum, { length }) => sum + length, 0);
  }

  /** Takes a MESSAGES frame of the pool. */
  take(bytes: Uint8Array): void {
    if (this.#isStopped) {
      this.#unread.push(bytes);
      return;
    }
    const messages = new Messages();
    messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
    assert.ok(messages.ack <= this.sent, 'the pool acknowledges what was sent');
    const skip = this.#incoming.take(messages.first, messages.count, bytes.length);
    assert.equal(skip, 0, 'every message comes once, without gaps');
    while (messages.next())
      this.#message(
        decodeAny(
          messages.code,
          new Reader(messages.reader.bytes.subarray(messages.reader.at, messages.end)),
        ),
      );
    if (!this.gone) this.harness.loop.receiveAck(this.session, this.received);
  }

  #message(message: AnyMessage): void {
    switch (message.kind) {
      case 'ok':
        for (let request = message.first; request <= message.last; request++) {
          this.#answered(request, message);
        }
        break;
      case 'fail':
      case 'welcome':
      case 'bye':
      case 'deliver':
      case 'grant':
      case 'value':
      case 'opened':
        this.#answered(message.request, message);
        break;
      case 'parts': {
        const told = this.parts.get(message.request) ?? [];
        this.parts.set(message.request, [...told, ...message.parts]);
        break;
      }
      case 'event': {
        const seen = this.events.get(message.subscription) ?? [];
        seen.push(message);
        this.events.set(message.subscription, seen);
        break;
      }
      default:
        this.notices.push(message);
    }
  }

  #answered(request: number, answer: Answer): void {
    assert.ok(request >= 1 && request <= this.sent, `an answer to a request: ${request}`);
    assert.ok(!this.answers.has(request), `request ${request} is answered once`);
    this.answers.set(request, answer);
    this.order.push(request);
  }

  /** The number of an attribute's key; the first use sends KEY. */
  key(name: string): number {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = this.#keys.size;
    this.#keys.set(name, key);
    this.#sent((w) => writeKey(w, key, name), false);
    return key;
  }

  /** A new member; it may be joined by a name that is refused. */
  join(name: string, info: ValueMap = {}): Member {
    return new Member(this, this.#membersMade++, name, info);
  }

  nextSubscription(): number {
    return this.#subscriptionsMade++;
  }

  nextHandle(): number {
    return this.#handlesMade++;
  }

  nextPromise(): number {
    return this.#promisesMade++;
  }
}
