/** Clients without sockets: they offer objects to a loop in this process, and read its answers. */
import { Writer } from '../../src/core/bytes.js';
import type { Performance, PoolLoop } from '../../src/loop/pool-loop.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  Messages,
  writeDeclare,
  writeJoin,
  writeKey,
  writeOfferNothing,
} from '../../src/protocol/index.js';
import { type AttributeCount, describedOf } from './described.js';

export const BATCH_OBJECTS = 1_000;
/** A session has so many handles: below what one may have. */
const SESSION_OBJECTS = 8_000_000;

interface Client {
  readonly session: number;
  /** Number of its next message. */
  next: number;
  objects: number;
}

/**
 * Declares, seals and offers objects, as pool-rate does, and keeps its handles. One client after
 * another. Gives its frames to the loop; who steps it hands the outcome back.
 */
export class Clients {
  readonly #loop: PoolLoop;
  readonly #step: () => Performance;
  readonly #attributes: AttributeCount;
  readonly #writer = new Writer(1 << 20);
  readonly #messages = new Messages();
  /** The last message of the pool that each session has had. */
  readonly #heard = new Map<number, number>();
  #client: Client | null = null;
  #count = 0;

  /** `step` is for the few batches that open a session. */
  constructor(loop: PoolLoop, step: () => Performance, attributes: AttributeCount) {
    this.#loop = loop;
    this.#step = step;
    this.#attributes = attributes;
  }

  /** Makes the next batch of objects. Returns what gives it to the loop. */
  batch(): () => void {
    const client = this.#ready();
    const frame = this.#frame(client, (w) => {
      for (let i = 0; i < BATCH_OBJECTS; i++) {
        const who = `a${client.session}`;
        const { name, attributes } = describedOf(this.#attributes, who, this.#count++);
        const pairs = Object.values(attributes).map((value, key) => [key, value] as const);
        const handle = client.objects++;
        writeDeclare(w, handle, 0, name, {}, pairs);
        writeOfferNothing(w, handle, 0, 0, 0);
      }
      return 2 * BATCH_OBJECTS;
    });
    return () => this.#give(client.session, frame);
  }

  /** Reads answers: the next frame acknowledges them. */
  take({ frames }: Performance): void {
    for (const { session, bytes } of frames) {
      this.#messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
      const { first, count } = this.#messages;
      this.#heard.set(session, first + count - 1);
    }
  }

  #ready(): Client {
    if (this.#client !== null && this.#client.objects < SESSION_OBJECTS) return this.#client;
    const client = { session: this.#loop.openSession({}), next: 1, objects: 0 };
    this.take(this.#step());
    const keys = Object.keys(describedOf(this.#attributes, '', 0).attributes);
    const joining = this.#frame(client, (w) => {
      writeJoin(w, 0, `a[${client.session}]`, {});
      for (const [key, name] of keys.entries()) writeKey(w, key, name);
      return 1 + keys.length;
    });
    this.#give(client.session, joining);
    this.take(this.#step());
    this.#client = client;
    return client;
  }

  #give(session: number, frame: Uint8Array): void {
    this.#loop.receive(session, frame, FRAME_HEADER_SIZE, frame.length);
  }

  /** Borrowed until the next one. */
  #frame(client: Client, fill: (w: Writer) => number): Uint8Array {
    const w = this.#writer;
    w.reset();
    const start = beginMessages(w, client.next, this.#heard.get(client.session) ?? 0);
    client.next += fill(w);
    endFrame(w, start);
    return w.written();
  }
}
