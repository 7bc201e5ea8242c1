import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import {
  FRAME,
  FrameAssembler,
  Messages,
  readAck,
  readCancel,
  writeAck,
  writeCancel,
} from '../../src/protocol/index.js';
import { Incoming } from '../../src/session/incoming.js';
import { Outgoing } from '../../src/session/outgoing.js';
import { type Dice, random } from '../pool/random.js';

/** One side of a session, whose messages are numbers that count up. */
class Side {
  readonly outgoing = new Outgoing();
  readonly incoming = new Incoming();
  readonly heard: number[] = [];
  said = 0;
  assembler = new FrameAssembler();

  /** A frame of so many messages. */
  say(count: number): Uint8Array {
    const w = new Writer();
    for (let index = 0; index < count; index++) writeCancel(w, ++this.said);
    const frame = this.outgoing.frame(w.written(), count, this.incoming.received);
    this.incoming.acknowledged();
    return frame;
  }

  ack(): Uint8Array {
    const w = new Writer();
    writeAck(w, this.incoming.received);
    this.incoming.acknowledged();
    return w.bytes.slice(0, w.at);
  }

  /** Takes bytes of a connection; false when they end it. */
  hear(bytes: Uint8Array): boolean {
    const { assembler } = this;
    assembler.push(bytes);
    while (assembler.next()) {
      const { kind, start, end } = assembler;
      if (kind === FRAME.ack) {
        assert.ok(this.outgoing.acknowledge(readAck(assembler.bytes, start, end)));
        continue;
      }
      const messages = new Messages();
      messages.open(assembler.bytes, start, end);
      assert.ok(this.outgoing.acknowledge(messages.ack), 'what is acknowledged was sent');
      const skip = this.incoming.take(messages.first, messages.count, end - start);
      if (skip < 0) return false;
      for (let index = 0; messages.next(); index++) {
        if (index >= skip) this.heard.push(readCancel(messages.reader));
      }
    }
    return true;
  }
}

/** Two sides and the connection between them, which a dice breaks. */
class Pair {
  readonly sides = [new Side(), new Side()] as const;
  /** What is on its way to each side. */
  readonly #wires: [Uint8Array[], Uint8Array[]] = [[], []];
  readonly #dice: Dice;
  cuts = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  step(): void {
    const to = this.#dice(2) as 0 | 1;
    const from = this.sides[1 - to] as Side;
    const wire = this.#wires[to];
    const what = this.#dice(100);
    if (what < 40) wire.push(from.say(1 + this.#dice(this.#dice(10) === 0 ? 2_000 : 5)));
    else if (what < 50) wire.push(from.ack());
    else if (what < 90) this.#arrive(to);
    else if (what < 93) this.#twice(to);
    else if (what < 96) this.#lose(to);
    else this.cut();
  }

  /** The next bytes, whole frames or a part. */
  #arrive(to: 0 | 1): void {
    const [next, ...rest] = this.#wires[to];
    if (next === undefined) return;
    const size = this.#dice(4) === 0 ? this.#dice(next.length) : next.length;
    this.#wires[to] = size === next.length ? rest : [next.subarray(size), ...rest];
    if (!this.sides[to].hear(next.subarray(0, size))) this.cut();
  }

  /** A frame comes once more, as if the sender had not known that it came. */
  #twice(to: 0 | 1): void {
    const side = this.sides[to];
    if (side.assembler.bytesHeld > 0) return;
    const [frame] = (this.sides[1 - to] as Side).outgoing.resend(0);
    if (frame !== undefined) assert.ok(side.hear(frame));
  }

  /** A frame is lost within a connection that goes on: the gap ends it. */
  #lose(to: 0 | 1): void {
    if (this.sides[to].assembler.bytesHeld === 0) this.#wires[to].shift();
  }

  /** The connection is lost, with all that is on its way and half a frame; another begins. */
  cut(): void {
    this.cuts++;
    for (const to of [0, 1] as const) {
      const side = this.sides[to];
      const other = this.sides[1 - to] as Side;
      side.assembler = new FrameAssembler();
      assert.ok(other.outgoing.acknowledge(side.incoming.received));
      this.#wires[to] = other.outgoing.resend(other.incoming.received);
    }
  }

  finish(): void {
    this.cut();
    for (const to of [0, 1] as const) {
      for (const bytes of this.#wires[to].splice(0)) assert.ok(this.sides[to].hear(bytes));
    }
    for (const to of [0, 1] as const) {
      assert.ok(this.sides[to].hear((this.sides[1 - to] as Side).ack()));
    }
  }
}

test('every message comes exactly once and in order, both ways, over a link that breaks', () => {
  let cuts = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const pair = new Pair(random(seed));
    for (let step = 0; step < 400; step++) pair.step();
    pair.finish();
    for (const to of [0, 1] as const) {
      const { heard } = pair.sides[to];
      const other = pair.sides[1 - to] as Side;
      assert.equal(heard.length, other.said, `seed ${seed}`);
      assert.ok(
        heard.every((number, index) => number === index + 1),
        `seed ${seed}: in order`,
      );
      assert.equal(other.outgoing.messagesHeld, 0);
      assert.equal(other.outgoing.bytesHeld, 0);
      assert.deepEqual(other.outgoing.resend(0), []);
    }
    cuts += pair.cuts;
  }
  assert.ok(cuts > 1_000, `${cuts} cuts`);
});

test('incoming: what has come is skipped, also a part of a frame; a gap is told', () => {
  const incoming = new Incoming();
  assert.equal(incoming.take(1, 5, 100), 0);
  assert.equal(incoming.take(1, 5, 100), 5);
  assert.equal(incoming.take(3, 5, 100), 3);
  assert.equal(incoming.received, 7);
  assert.equal(incoming.take(9, 1, 100), -1);
  assert.equal(incoming.received, 7);
  assert.equal(incoming.take(8, 0, 0), 0, 'a frame of none, as an ack is');
  assert.equal(incoming.take(1, 0, 0), 0);
  assert.equal(incoming.take(9, 0, 0), -1, 'one that says some are missing');
  assert.equal(incoming.take(8, 1, 100), 0);
});

test('incoming: an acknowledgement is due after 1,024 messages or 1 MiB, else soon', () => {
  const incoming = new Incoming();
  assert.equal(incoming.ackDue, 'no');
  incoming.take(1, 1_023, 10);
  assert.equal(incoming.ackDue, 'soon');
  incoming.take(1_024, 1, 10);
  assert.equal(incoming.ackDue, 'now');
  incoming.acknowledged();
  assert.equal(incoming.ackDue, 'no');
  incoming.take(1_025, 1, 1 << 20);
  assert.equal(incoming.ackDue, 'now');
  incoming.acknowledged();
  incoming.take(1_025, 1, 1 << 20);
  assert.equal(incoming.ackDue, 'now', 'what comes again says that no ack arrived');
});

test('outgoing: keeps frames until they are acknowledged whole, refuses what was not sent', () => {
  const outgoing = new Outgoing();
  const w = new Writer();
  writeCancel(w, 1);
  writeCancel(w, 2);
  const first = outgoing.frame(w.written(), 2, 7);
  outgoing.frame(w.written(), 2, 8);
  assert.equal(outgoing.last, 4);
  assert.ok(!outgoing.acknowledge(5));
  assert.equal(outgoing.acknowledged, 0);
  assert.ok(outgoing.acknowledge(1));
  assert.equal(outgoing.messagesHeld, 3);
  assert.equal(outgoing.resend(9).length, 2, 'half of it is not known to have come');
  assert.ok(outgoing.acknowledge(3) && outgoing.acknowledge(2));
  assert.equal(outgoing.acknowledged, 3);
  const [again] = outgoing.resend(9);
  const messages = new Messages();
  messages.open(again as Uint8Array, 8, (again as Uint8Array).length);
  assert.equal(messages.first, 3);
  assert.equal(messages.ack, 9);
  messages.open(first, 8, first.length);
  assert.equal(messages.ack, 7, 'what was sent before is not written to');
});

test('outgoing: a long session of frames that are acknowledged keeps none of them', () => {
  const outgoing = new Outgoing();
  const w = new Writer();
  writeCancel(w, 1);
  for (let number = 1; number <= 10_000; number++) {
    outgoing.frame(w.written(), 1, 0);
    if (number > 10) assert.ok(outgoing.acknowledge(number - 10));
    assert.ok(outgoing.resend(0).length <= 11);
  }
  assert.equal(outgoing.messagesHeld, 10);
});
