import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import {
  FRAME_HEADER_SIZE,
  Messages,
  writeCancel,
  writeDeclare,
  writeDemand,
  writeDispose,
  writeJoin,
  writeOfferInline,
  writeStat,
  writeWithdraw,
} from '../../src/protocol/index.js';
import { Incoming } from '../../src/session/incoming.js';
import { Outgoing } from '../../src/session/outgoing.js';
import { OPTIONS } from '../pool/harness.js';
import { type Dice, random } from '../pool/random.js';
import { type AnyMessage, decodeAny } from '../protocol/decode-any.js';

type Request = (w: Writer) => void;

/** Requests of one session: objects that come and go, demands that wait and are cancelled. */
function script(dice: Dice): Request[] {
  const requests: Request[] = [(w) => writeJoin(w, 0, 'a', {})];
  for (let round = 0; round < 60; round++) {
    const name = `x${dice(5)}`;
    const handle = round * 2;
    const payload = new Uint8Array(1 + dice(200)).fill(round);
    requests.push((w) => writeDeclare(w, handle, 0, name, null, []));
    if (dice(3) === 0) requests.push((w) => writeDemand(w, handle, 0xffff_ffff, 0, 0, 0));
    if (dice(3) === 0) {
      const earlier = requests.length - dice(3);
      requests.push((w) => writeCancel(w, earlier));
    }
    requests.push((w) => writeDeclare(w, handle + 1, 0, name, null, []));
    requests.push((w) => writeOfferInline(w, handle + 1, 0, 0, 0, payload));
    requests.push((w) => writeStat(w, name));
    if (dice(2) === 0) requests.push((w) => writeWithdraw(w, handle + 1, 0));
    if (dice(2) === 0) requests.push((w) => writeDispose(w, handle));
  }
  return requests;
}

/** A client over a connection that is lost now and then. */
class FlakyClient {
  readonly loop = new PoolLoop(OPTIONS);
  readonly session: number;
  readonly answers = new Map<number, AnyMessage>();
  readonly #outgoing = new Outgoing();
  readonly #incoming = new Incoming();
  readonly #dice: Dice;
  #toPool: Uint8Array[] = [];
  #toClient: Uint8Array[] = [];
  #now = 0;
  cuts = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
    this.session = this.loop.openSession({});
    this.loop.run(this.#now);
  }

  send(requests: readonly Request[]): void {
    const w = new Writer();
    for (const request of requests) request(w);
    const { received } = this.#incoming;
    this.#toPool.push(this.#outgoing.frame(w.written(), requests.length, received));
  }

  step(): void {
    const what = this.#dice(10);
    if (what < 4) this.#poolTakes();
    else if (what < 8) this.#clientTakes();
    else if (what < 9) this.#run();
    else this.cut();
  }

  #poolTakes(): void {
    const bytes = this.#toPool.shift();
    if (bytes !== undefined) this.#receive(bytes);
  }

  #receive(bytes: Uint8Array): void {
    this.loop.receive(this.session, bytes, FRAME_HEADER_SIZE, bytes.length);
  }

  #run(): void {
    for (const { bytes } of this.loop.run(++this.#now).frames) this.#toClient.push(bytes);
    checkInvariants(this.loop.pool);
  }

  #clientTakes(): void {
    const bytes = this.#toClient.shift();
    if (bytes === undefined) return;
    const messages = new Messages();
    messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
    assert.ok(this.#outgoing.acknowledge(messages.ack));
    const skip = this.#incoming.take(messages.first, messages.count, bytes.length);
    assert.ok(skip >= 0);
    for (let index = 0; messages.next(); index++) {
      if (index < skip) continue;
      const body = messages.reader.bytes.slice(messages.reader.at, messages.end);
      this.#answered(decodeAny(messages.code, new Reader(body)));
    }
  }

  #answered(message: AnyMessage): void {
    assert.ok('request' in message || message.kind === 'ok', message.kind);
    const [first, last] =
      message.kind === 'ok'
        ? [message.first, message.last]
        : 'request' in message
          ? [message.request, message.request]
          : [0, 0];
    for (let request = first; request <= last; request++) {
      assert.ok(!this.answers.has(request), `${request} is answered once`);
      this.answers.set(request, message);
    }
  }

  /** What is on its way is lost; the client connects again. */
  cut(): void {
    this.cuts++;
    this.#toPool = [];
    this.#toClient = [];
    this.loop.disconnected(this.session);
    if (this.#dice(2) === 0) this.#run();
    const { received, frames } = this.loop.resumeSession(this.session, this.#incoming.received);
    assert.ok(this.#outgoing.acknowledge(received));
    this.#toPool = this.#outgoing.resend(this.#incoming.received);
    this.#toClient = frames;
  }

  finish(): void {
    this.cut();
    while (this.#toPool.length > 0) this.#poolTakes();
    this.#run();
    while (this.#toClient.length > 0) this.#clientTakes();
  }
}

/** What an answer says, however answers were put together. */
function said(message: AnyMessage | undefined): unknown {
  if (message?.kind === 'ok') return 'ok';
  if (message?.kind === 'fail') return message.code;
  if (message?.kind === 'deliver') return [message.version, message.payload];
  if (message?.kind !== 'value') return message?.kind;
  // When something was offered is another time where frames come late.
  return { ...(message.value as object), time: null };
}

function run(
  seed: number,
  cuts: boolean,
): { answers: unknown[]; operations: number; cuts: number } {
  const requests = script(random(seed));
  const dice = random(seed + 1_000);
  const client = new FlakyClient(dice);
  for (let at = 0; at < requests.length; ) {
    const count = 1 + dice(4);
    client.send(requests.slice(at, at + count));
    at += count;
    for (let steps = dice(6); cuts && steps > 0; steps--) client.step();
  }
  client.finish();
  const answers = requests.map((_, index) => said(client.answers.get(index + 1)));
  return { answers, operations: client.loop.pool.operations, cuts: client.cuts };
}

test('resume: every request takes effect and is answered once, as if no link had broken', () => {
  let cuts = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const whole = run(seed, false);
    const broken = run(seed, true);
    assert.deepEqual(broken.answers, whole.answers, `seed ${seed}`);
    assert.equal(broken.operations, whole.operations, `seed ${seed}`);
    assert.ok(whole.answers.filter((answer) => answer === undefined).length < 60);
    cuts += broken.cuts;
  }
  assert.ok(cuts > 1_000, `${cuts} cuts`);
});
