/** The limit: the same events in `step`, in this process, without sockets or clients. */
import { Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import {
  beginMessages,
  EVENT,
  endFrame,
  FRAME_HEADER_SIZE,
  FROM,
  MESSAGE,
  Messages,
  SILENCE,
  SLOW,
  SUBSCRIBE,
  writeAcknowledge,
  writeDeclare,
  writeJoin,
  writeKey,
  writeOfferNothing,
  writeSubscribe,
} from '../../src/protocol/index.js';
import { numberOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';
import { BATCH, toldOf } from './sides.js';

/** Of each subscription. */
const WINDOW = 256;

/** A client of the loop in this process: it numbers what it sends, and notes what has come. */
class Peer {
  readonly session: number;
  readonly #loop: PoolLoop;
  readonly #writer = new Writer(1 << 20);
  readonly #messages = new Messages();
  #first = 1;
  #heard = 0;
  /** Deliveries that have come. */
  told = 0;

  constructor(loop: PoolLoop) {
    this.#loop = loop;
    this.session = loop.openSession({});
  }

  frame(fill: (w: Writer) => number): Uint8Array {
    const w = this.#writer;
    w.reset();
    const start = beginMessages(w, this.#first, this.#heard);
    this.#first += fill(w);
    endFrame(w, start);
    return w.bytes.slice(0, w.at);
  }

  send(frame: Uint8Array): void {
    this.#loop.receive(this.session, frame, FRAME_HEADER_SIZE, frame.length);
  }

  take(bytes: Uint8Array): void {
    const messages = this.#messages;
    messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
    this.#heard = messages.first + messages.count - 1;
    while (messages.next()) if (messages.code === MESSAGE.event) this.told++;
  }
}

class Limit {
  readonly #loop = new PoolLoop({
    ...{ id: 'limit', name: 'limit', hashSeed: 1, memoryBytesMax: 0, deadlineDefaultMs: 600_000 },
    ...{
      promiseGraceMs: 10_000,
      durability: 0,
      slabDurability: 0,
      reportFreed: false,
      hasStore: false,
    },
    ...{ statistics: true, eventBytesMax: LIMITS.eventBytesMax, eventAgeMsMax: 0, life: 1 },
    ...{ lifeBefore: 0, wallMs: 0, sessionKeyId: 0 },
  });
  readonly #source = new Peer(this.#loop);
  readonly #sink = new Peer(this.#loop);
  readonly #isFanOut: boolean;
  readonly #subscriptions: number;
  /** Acknowledged of each subscription. */
  readonly #done: Float64Array;
  #now = 1;
  #field = 0;

  constructor(subscriptions: number, isFanOut: boolean, isHeld: boolean) {
    this.#subscriptions = subscriptions;
    this.#isFanOut = isFanOut;
    this.#done = new Float64Array(subscriptions);
    const keys = Object.keys(toldOf(0, 1));
    this.#exchange(this.#source, (w) => {
      writeJoin(w, 0, 'source', {});
      for (const [key, name] of keys.entries()) writeKey(w, key, name);
      return 1 + keys.length;
    });
    const flags = isHeld ? SUBSCRIBE.before | SUBSCRIBE.acknowledge : 0;
    this.#exchange(this.#sink, (w) => {
      writeJoin(w, 0, 'sink', {});
      for (let number = 0; number < subscriptions; number++) {
        const selector = isFanOut ? 'param = "t"' : `param = "t" and number = ${number}`;
        writeSubscribe(w, {
          ...{ subscription: number, member: 0, kinds: 1 << EVENT.offer, topics: [], flags },
          ...{ window: WINDOW, name: '', selector, from: FROM.now, seq: 0, slow: SLOW.drop },
          ...{ silence: SILENCE.allow, deadline: 0 },
        });
      }
      return 1 + subscriptions;
    });
  }

  get told(): number {
    return this.#sink.told;
  }

  /** Offers a batch; its frame is made outside of what is timed. */
  offers(count: number): () => void {
    const frame = this.#source.frame((w) => {
      for (let i = 0; i < count; i++) {
        const handle = this.#field++;
        const told = Object.values(toldOf(handle, this.#subscriptions));
        writeDeclare(w, handle, 0, `t/${handle}`, {}, [...told.entries()]);
        writeOfferNothing(w, handle, 0, 0, 0);
      }
      return 2 * count;
    });
    return () => this.#give(this.#source, frame);
  }

  /** Acknowledges what the last so many offers brought. */
  acknowledgements(count: number): () => void {
    const counts = new Map<number, number>();
    for (let field = this.#field - count; field < this.#field; field++) {
      const to = field % this.#subscriptions;
      counts.set(to, (counts.get(to) ?? 0) + 1);
    }
    const all = Array.from(this.#done, (_, number) => [number, count] as const);
    const told = this.#isFanOut ? all : [...counts];
    const frame = this.#sink.frame((w) => {
      for (const [number, some] of told) {
        writeAcknowledge(w, number, (this.#done[number] ?? 0) + 1, some);
        this.#done[number] = (this.#done[number] ?? 0) + some;
      }
      return told.length;
    });
    return () => this.#give(this.#sink, frame);
  }

  #exchange(peer: Peer, fill: (w: Writer) => number): void {
    this.#run();
    this.#give(peer, peer.frame(fill));
  }

  #give(peer: Peer, frame: Uint8Array): void {
    peer.send(frame);
    this.#run();
  }

  #run(): void {
    for (const { session, bytes } of this.#loop.run(this.#now++).frames) {
      (session === this.#source.session ? this.#source : this.#sink).take(bytes);
    }
  }
}

takePart({
  /** us of processor time for each event: with what it takes to acknowledge it. */
  run(request) {
    const [count, warm] = [numberOf(request, 'count'), numberOf(request, 'warm')];
    const isHeld = request['isHeld'] === true;
    const isFanOut = request['isFanOut'] === true;
    const subscriptions = numberOf(request, 'subscriptions');
    const limit = new Limit(subscriptions, isFanOut, isHeld);
    const batch = isHeld ? 1 : BATCH;
    let cpuUs = 0;
    for (let done = 0; done < warm + count; done += batch) {
      const offer = limit.offers(batch);
      const acknowledge = limit.acknowledgements(batch);
      const before = process.cpuUsage();
      offer();
      acknowledge();
      const { user, system } = process.cpuUsage(before);
      if (done >= warm) cpuUs += user + system;
    }
    const due = (isFanOut ? subscriptions : 1) * (warm + count);
    if (limit.told < due) throw new Error(`The limit was told ${limit.told} of ${due}`);
    return { us: cpuUs / count };
  },
});
