import { strict as assert } from 'node:assert';
import { Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { FRAME_HEADER_SIZE, Messages, VERSION_MAX, VERSION_MIN } from '../../src/protocol/index.js';
import { limitsForClients } from '../../src/server/handshake.js';
import { Incoming } from '../../src/session/incoming.js';
import { Outgoing } from '../../src/session/outgoing.js';
import { type AnyFrame, decodeFrames, encodeFrame } from './any-frame.js';
import type { AnyMessage } from './decode-any.js';
import { encodeAny } from './encode-any.js';
import { fieldsOf, hexOf, type Json } from './json.js';

const SECRET = Uint8Array.from({ length: 32 }, (_, index) => 0xa0 + index);
const POOL = {
  id: 'pool-of-the-transcript',
  name: 'transcript',
  hashSeed: 1,
  memoryBytesMax: 0,
  deadlineDefaultMs: 600_000,
  promiseGraceMs: 10_000,
  durability: 0,
  slabDurability: 0,
  reportFreed: false,
  hasStore: false,
  statistics: true,
  eventBytesMax: LIMITS.eventBytesMax,
  eventAgeMsMax: 0,
  life: 1,
  lifeBefore: 0,
  wallMs: 0,
  sessionKeyId: 0,
};
const PROCESS = {
  client: 'example 1.0',
  host: 'host',
  pid: 4_242,
  startTime: 77,
  bootId: 'boot',
  pidNamespace: 'pid:[1]',
  command: 'example',
};

type From = 'client' | 'pool';

function bytesBy(write: (w: Writer) => void): Uint8Array {
  const w = new Writer();
  write(w);
  return w.written().slice();
}

/**
 * A client and the real pool, which say what they say over connections that can be cut; all of it
 * is recorded. Time, ids and the secret are given, so that the bytes are the same for ever.
 */
export class Conversation {
  readonly frames: Json[] = [];
  readonly #loop = new PoolLoop(POOL);
  readonly #outgoing = new Outgoing();
  readonly #incoming = new Incoming();
  #session = 0;
  #connection = 0;
  #nowMs = 0;

  /** Connects, with HELLO and ACCEPT: opens the session, or takes it up and sends again. */
  connect(): void {
    this.#connection++;
    const known = this.#session !== 0;
    const { received } = this.#incoming;
    this.#record('client', 'HELLO', {
      kind: 'hello',
      lowest: VERSION_MIN,
      highest: VERSION_MAX,
      role: 0,
      token: 'token',
      pool: known ? POOL.id : '',
      session: this.#session,
      secret: known ? SECRET : new Uint8Array(0),
      received,
      process: PROCESS,
    });
    if (!known) this.#session = this.#loop.openSession(PROCESS);
    const resumed = known ? this.#loop.resumeSession(this.#session, received) : null;
    this.#record('pool', 'ACCEPT', this.#accept(resumed?.received ?? 0, known));
    if (resumed === null) return;
    for (const bytes of resumed.frames) this.#poolSays('sent again', bytes, true);
    assert.ok(this.#outgoing.acknowledge(resumed.received));
    for (const bytes of this.#outgoing.resend(this.#incoming.received)) {
      this.#clientSays('sent again', bytes, true);
    }
  }

  /** The client sends messages in one frame; with `lost` it goes down with the connection. */
  send(what: string, messages: readonly AnyMessage[], lost?: 'lost'): void {
    const bytes = bytesBy((w) => {
      for (const message of messages) encodeAny(w, message);
    });
    const frame = this.#outgoing.frame(bytes, messages.length, this.#incoming.received);
    this.#clientSays(what, frame, lost === undefined);
  }

  /** The pool steps what it has; with `lost` what it says goes down with the connection. */
  run(what: string, afterMs: number, lost?: 'lost'): void {
    this.#nowMs += afterMs;
    for (const { bytes } of this.#loop.run(this.#nowMs).frames) {
      this.#poolSays(what, bytes, lost === undefined);
    }
  }

  /** The client acknowledges what it has received. */
  acknowledge(): void {
    const ack = this.#incoming.received;
    this.#record('client', 'ACK', { kind: 'ack', ack });
    this.#loop.receiveAck(this.#session, ack);
  }

  /** The connection is lost; the pool notices. */
  cut(): void {
    this.#loop.disconnected(this.#session);
  }

  #accept(received: number, resumed: boolean): AnyFrame {
    return {
      kind: 'accept',
      version: VERSION_MAX,
      poolId: POOL.id,
      poolName: POOL.name,
      session: this.#session,
      secret: SECRET,
      received,
      resumed,
      pool: {
        software: 'attacca',
        bootId: 'boot',
        slabs: '',
        data: [],
        pid: 1,
        limits: limitsForClients(),
      },
    };
  }

  #clientSays(what: string, bytes: Uint8Array, arrives: boolean): void {
    this.#recordBytes('client', what, bytes, arrives);
    if (arrives) this.#loop.receive(this.#session, bytes, FRAME_HEADER_SIZE, bytes.length);
  }

  #poolSays(what: string, bytes: Uint8Array, arrives: boolean): void {
    this.#recordBytes('pool', what, bytes, arrives);
    if (!arrives) return;
    const messages = new Messages();
    messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
    assert.ok(this.#outgoing.acknowledge(messages.ack));
    assert.ok(this.#incoming.take(messages.first, messages.count, bytes.length) >= 0, 'no gap');
  }

  #record(from: From, what: string, frame: AnyFrame): void {
    this.#recordBytes(
      from,
      what,
      bytesBy((w) => encodeFrame(w, frame)),
      true,
    );
  }

  #recordBytes(from: From, what: string, bytes: Uint8Array, arrives: boolean): void {
    const [frame] = decodeFrames(bytes);
    assert.ok(frame !== undefined);
    const at = { connection: this.#connection, atMs: this.#nowMs, from, arrives };
    this.frames.push({ ...at, what, hex: hexOf(bytes), fields: fieldsOf(frame) });
  }
}
