import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { AttaccaError, isErrorCode } from '../../src/core/errors.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import * as protocol from '../../src/protocol/index.js';
import { OPTIONS } from '../pool/harness.js';
import { type Dice, random } from '../pool/random.js';
import { decodeAny } from '../protocol/decode-any.js';
import { writePing } from '../protocol/other-side.js';

const { FRAME_HEADER_SIZE, MESSAGE } = protocol;
/** More for a longer search. */
const SEEDS = Number(process.env['ATTACCA_SEEDS'] ?? 30);
/** Numbers that are at some border. */
const BORDERS = [0, 1, 2, 63, 64, 65, 255, 256, 4_095, 4_096, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31];
const FAR = [2 ** 32 - 2, 2 ** 32 - 1];
const NAMES = ['x', 'y', 'z/1', '海', 'x'.repeat(1_000)];
const PATTERNS = ['x', '*', '?', 'z/*', '[xy]', '\\*'];

const FACET_KEYS = ['a', 'b', 'name', '.bytes', '.time'];
const SELECTORS = [
  ...['', 'a = 1', 'has b', 'a > 0 and b < 3', 'not a = 1', 'any a = 2', 'c =~ "te+xt"', 'a ='],
  ...['name ~ "z*" or a in 1..2', '.state = "offered"', '.bytes > 63', 'key("*") = "text"'],
];

/** Writes messages that parse, whatever they mean. */
class Author {
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  #of<T>(list: readonly T[]): T {
    return list[this.#dice(list.length)] as T;
  }

  #selecting(): protocol.SelectingFields {
    return {
      selector: this.#of(SELECTORS),
      after: this.#of(['', '', '0', '1', 'x', '99999']),
    };
  }

  #small(): number {
    return this.#dice(20) === 0 ? this.#of([...BORDERS, ...FAR]) : this.#dice(12);
  }

  #wide(): number {
    return this.#dice(4) === 0 ? this.#of([...BORDERS, ...FAR, 2 ** 53 - 1]) : this.#dice(20) * 64;
  }

  #attributes(): [number, number | string | number[]][] {
    const attributes: [number, number | string | number[]][] = [];
    for (let key = 0; key < 3; key++) {
      if (this.#dice(3) === 0) attributes.push([key, this.#of([1, 2, 'text', [1, 2]])]);
    }
    return attributes;
  }

  #space(): Parameters<typeof protocol.writeSet>[2] {
    return this.#of([
      null,
      null,
      { dtype: 'float32' },
      { shape: [null] },
      { shape: [2, null] },
      { dtype: 'int8', shape: [this.#small()] },
      { dtype: 'float64', shape: [2 ** 53 - 1, 2 ** 53 - 1] },
    ] as const);
  }

  write(w: Writer): void {
    const dice = this.#dice;
    const number = this.#small();
    const name = this.#of(NAMES);
    const writes: (() => void)[] = [
      () => protocol.writeKey(w, this.#small() % 65_536, this.#of(['a', 'b', 'c', 'd'])),
      () => protocol.writeJoin(w, dice(3), this.#of(['a', 'b', 'w[*]', 'w[0]']), {}),
      () => protocol.writeLeave(w, dice(3), 0),
      () => writePing(w),
      () => protocol.writeCancel(w, dice(2) === 0 ? this.#wide() : dice(2_000)),
      () => protocol.writeDeclare(w, number, dice(3), name, this.#space(), this.#attributes()),
      () => protocol.writeDeclare(w, number, 0, name, null, []),
      () => protocol.writeSet(w, number, this.#space(), this.#attributes()),
      () => protocol.writeSeal(w, number),
      () => protocol.writeOfferNothing(w, number, dice(2), dice(20) === 0 ? 2 : 0, this.#small()),
      () => protocol.writeOfferInline(w, number, dice(2), 0, 0, new Uint8Array(dice(100))),
      () => protocol.writeOfferSlice(w, number, dice(2), 0, 0, dice(2), this.#wide(), this.#wide()),
      () => protocol.writeWithdraw(w, number, 0),
      () => protocol.writeRequire(w, number, dice(2)),
      () => protocol.writeDemand(w, number, this.#small(), dice(3), dice(2), dice(4)),
      () => protocol.writeDemand(w, number, this.#small(), dice(3), dice(2), dice(4)),
      () => protocol.writeRetract(w, number),
      () => protocol.writeDispose(w, number),
      () => protocol.writeDelete(w, name, dice(3), dice(2) === 0),
      () => protocol.writeTag(w, name, dice(3), this.#attributes(), [dice(4)]),
      () => protocol.writePromise(w, number, dice(3), 0, name),
      () => protocol.writePromise(w, number, dice(3), 1, this.#of(PATTERNS)),
      () => protocol.writeClose(w, number),
      () => protocol.writeUnkeep(w, name, dice(3), 0),
      () => protocol.writeLease(w, this.#wide(), this.#wide(), this.#small(), this.#small()),
      () => protocol.writeReturn(w, dice(2), this.#wide(), this.#wide()),
      () => protocol.writeAdopt(w, `adopt-${dice(3)}`, this.#wide()),
      () => protocol.writeStat(w, name),
      () =>
        protocol.writeQuery(w, {
          ...this.#selecting(),
          limit: this.#small(),
          detail: dice(3),
        }),
      () => protocol.writeCount(w, this.#selecting()),
      () =>
        protocol.writeFacets(w, {
          ...this.#selecting(),
          ...{ what: dice(2), key: this.#of(FACET_KEYS), limit: this.#small() },
        }),
      () =>
        protocol.writeSort(w, {
          ...this.#selecting(),
          ...{ key: this.#of(FACET_KEYS), descending: dice(2) === 0, limit: this.#small() },
          ...{ detail: dice(3), place: dice(2) === 0 ? null : { value: dice(3), name } },
        }),
      () =>
        protocol.writeTagSelected(w, {
          ...{ ...this.#selecting(), member: dice(3), dry: dice(2) === 0 },
          ...{ tags: this.#attributes(), removed: [dice(4)] },
        }),
      () => {
        const dry = dice(2) === 0;
        protocol.writeEndSelected(w, { ...this.#selecting(), member: dice(3), dry, how: dice(3) });
      },
      () => protocol.writeMembers(w),
      () => protocol.writeExplain(w, dice(2) + 1),
      () => protocol.writeExplain(w, 0, name),
      () => protocol.writeInfo(w),
      () => protocol.writeStop(w, false, 0),
    ];
    if (dice(300) === 0) protocol.writeEnd(w);
    else this.#of(writes)();
  }
}

/** Breaks some bytes: one is another, some are left out, come twice, or are of a border. */
function mutate(bytes: Uint8Array, from: number, dice: Dice): Uint8Array {
  const at = from + dice(Math.max(1, bytes.length - from));
  const size = 1 + dice(8);
  const before = bytes.subarray(0, at);
  switch (dice(5)) {
    case 0: {
      const other = bytes.slice();
      other[at] = dice(256);
      return other;
    }
    case 1:
      return Buffer.concat([before, bytes.subarray(Math.min(bytes.length, at + size))]);
    case 2:
      return Buffer.concat([before, bytes.subarray(at, at + size), bytes.subarray(at)]);
    case 3: {
      const other = bytes.slice();
      const value = [...BORDERS, ...FAR][dice(16)] ?? 0;
      if (at + 4 <= other.length) new DataView(other.buffer).setUint32(at, value, true);
      return other;
    }
    default:
      return bytes.slice(0, at);
  }
}

/** A pool that takes anything, with sessions that are opened anew as they end. */
class Victim {
  readonly loop = new PoolLoop(OPTIONS);
  readonly codes = new Set<string>();
  readonly #author: Author;
  readonly #dice: Dice;
  readonly #sent = new Map<number, number>();
  readonly #answered = new Map<number, Set<number>>();
  now = 0;

  constructor(seed: number) {
    this.#dice = random(seed);
    this.#author = new Author(this.#dice);
  }

  step(): void {
    const dice = this.#dice;
    // A pool that was stopped goes on: more is to come.
    this.loop.pool.stopping = false;
    while (this.#sent.size < 3) this.#open();
    const session = [...this.#sent.keys()][dice(this.#sent.size)] as number;
    const first = (this.#sent.get(session) ?? 0) + 1;
    const w = new Writer();
    const start = protocol.beginMessages(w, dice(50) === 0 ? dice(first + 5) : first, 0);
    for (let count = 1 + dice(6); count > 0; count--) this.#author.write(w);
    protocol.endFrame(w, start);
    let bytes: Uint8Array = w.bytes.slice(0, w.at);
    if (dice(3) === 0) bytes = mutate(bytes, FRAME_HEADER_SIZE, dice);
    if (dice(6) === 0) bytes = mutate(bytes, FRAME_HEADER_SIZE + 16, dice);
    this.#refusable(() => this.loop.receive(session, bytes, FRAME_HEADER_SIZE, bytes.length));
    this.#sent.set(session, this.loop.receivedOf(session));
    if (dice(30) === 0) this.#refusable(() => this.loop.receiveAck(session, dice(10)));
    if (dice(100) === 0) this.loop.input({ kind: 'session-gone', session, why: 'fuzz' });
    if (dice(100) === 0) this.loop.input({ kind: 'drain', graceMs: dice(1_000) });
    this.now += dice(4);
    this.run();
  }

  #open(): void {
    const session = this.loop.openSession({ host: 'h', pid: 1 });
    const w = new Writer();
    const start = protocol.beginMessages(w, 1, 0);
    for (let key = 0; key < 3; key++) protocol.writeKey(w, key, `key ${key}`);
    for (let member = 0; member < 2; member++) protocol.writeJoin(w, member, 'w[*]', {});
    protocol.endFrame(w, start);
    this.loop.receive(session, w.bytes, FRAME_HEADER_SIZE, w.at);
    this.#sent.set(session, 5);
    this.#answered.set(session, new Set());
    this.run();
  }

  #refusable(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      this.codes.add(error.code);
    }
  }

  run(): void {
    do {
      const { frames, effects } = this.loop.run(this.now);
      for (const { session, bytes } of frames) this.#read(session, bytes);
      for (const effect of effects) {
        if (effect.kind === 'slab-wanted') {
          this.loop.input({ kind: 'slab-ready', slab: effect.slab, size: effect.size });
        } else if (effect.kind === 'adopt') {
          const { slab, size, session, request } = effect;
          const failure =
            this.#dice(2) === 0 ? null : { code: 'file-error' as const, message: 'Cannot adopt' };
          this.loop.input({ kind: 'adopted', slab, size, session, request, failure });
        } else if (effect.kind === 'session-ended') this.#sent.delete(effect.session);
      }
    } while (this.loop.isDue(0));
  }

  /** All that the pool says can be read, and answers each request once. */
  #read(session: number, bytes: Uint8Array): void {
    const messages = new protocol.Messages();
    messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
    const answered = this.#answered.get(session) ?? new Set();
    while (messages.next()) {
      const body = messages.reader.bytes.slice(messages.reader.at, messages.end);
      const message = decodeAny(messages.code, new Reader(body));
      assert.ok(messages.code >= MESSAGE.ok, 'the pool sends answers');
      if (message.kind === 'fail') {
        assert.ok(isErrorCode(message.code), message.code);
        assert.ok(message.code !== 'internal' && message.code !== 'poisoned', message.message);
        this.codes.add(message.code);
      }
      const range =
        message.kind === 'ok'
          ? [message.first, message.last]
          : 'request' in message
            ? [message.request, message.request]
            : [1, 0];
      for (let request = range[0] as number; request <= (range[1] as number); request++) {
        assert.ok(!answered.has(request), `request ${request} is answered once`);
        answered.add(request);
      }
    }
    this.#refusable(() => this.loop.receiveAck(session, messages.number));
  }

  /** Ends all sessions and deletes what is kept. */
  clear(): void {
    this.loop.pool.stopping = false;
    for (const session of this.#sent.keys()) {
      this.loop.input({ kind: 'session-gone', session, why: 'end of the test' });
    }
    this.now += 2 ** 33;
    this.run();
    const session = this.loop.openSession({});
    const w = new Writer();
    const start = protocol.beginMessages(w, 1, 0);
    for (const name of NAMES) protocol.writeDelete(w, name, protocol.MEMBER_NONE, true);
    for (const name of this.#names()) protocol.writeDelete(w, name, protocol.MEMBER_NONE, true);
    protocol.endFrame(w, start);
    this.loop.receive(session, w.bytes, FRAME_HEADER_SIZE, w.at);
    this.run();
    this.loop.input({ kind: 'session-gone', session, why: 'end of the test' });
    this.run();
    // The graces of the promises of all that have died.
    this.now += OPTIONS.promiseGraceMs;
    this.run();
  }

  /** Names that broken bytes have made. */
  #names(): string[] {
    const { pool } = this.loop;
    const names: string[] = [];
    for (let object = 1; object < pool.objects.end; object++) {
      const record = pool.objects.get(object, 0);
      const alive = pool.objects.get(object, 2) !== 0;
      if (alive) names.push(new TextDecoder().decode(pool.arena.view(record)));
    }
    return names;
  }
}

function checked(victim: Victim, seed: number, step: number): void {
  try {
    checkInvariants(victim.loop.pool);
  } catch (error) {
    throw new Error(`seed ${seed}, step ${step}`, { cause: error });
  }
}

test('fuzz: whatever comes, nothing but AttaccaErrors, and the invariants hold', () => {
  const codes = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const victim = new Victim(seed);
    for (let step = 0; step < 400; step++) {
      victim.step();
      if (step % 8 === 0) checked(victim, seed, step);
    }
    checkInvariants(victim.loop.pool);
    for (const code of victim.codes) codes.add(code);
  }
  const common = ['bad-frame', 'bad-message', 'bad-name', 'bad-argument', 'wrong-state'];
  const rare = ['bad-lease', 'too-large', 'already-offered', 'object-mismatch', 'memory-full'];
  for (const code of [...common, ...rare]) assert.ok(codes.has(code), `${code} has come`);
});

test('fuzz: when all is over nothing is left, and no table has grown without bound', () => {
  for (let seed = 100; seed <= 106; seed++) {
    const victim = new Victim(seed);
    const { pool } = victim.loop;
    let bytesAfter = 0;
    for (let round = 0; round < 4; round++) {
      for (let step = 0; step < 300; step++) victim.step();
      victim.clear();
      checkInvariants(pool);
      // What has happened is told of what is gone.
      pool.events.log.clear();
      const left = {
        sessions: pool.sessions.size,
        objects: pool.objects.used,
        handles: pool.handles.used,
        versions: pool.versions.used,
        waits: pool.waits.used,
        arena: pool.arena.bytesUsed,
        inline: pool.bytesInline,
        spaces: pool.spaces.used,
      };
      assert.deepEqual(
        left,
        {
          sessions: 0,
          objects: 0,
          handles: 0,
          versions: 0,
          waits: 0,
          arena: 0,
          inline: 0,
          spaces: 0,
        },
        `seed ${seed}`,
      );
      assert.equal(pool.extents.bytesFree, pool.extents.bytesTotal);
      const bytes = pool.objects.bytesUsed + pool.handles.bytesUsed + pool.arena.bytesAllocated;
      if (round === 0) bytesAfter = bytes;
      assert.ok(bytes <= bytesAfter + (2 << 20), `${bytes} bytes after ${bytesAfter}`);
    }
  }
});

test('fuzz: bytes of any kind as a frame', () => {
  const dice = random(5);
  const victim = new Victim(5);
  victim.step();
  const session = victim.loop.openSession({});
  for (let count = 0; count < 20_000; count++) {
    const bytes = Uint8Array.from({ length: dice(80) }, () => dice(dice(2) === 0 ? 4 : 256));
    try {
      victim.loop.receive(session, bytes, 0, bytes.length);
    } catch (error) {
      assert.ok(error instanceof AttaccaError && error.code === 'bad-frame');
    }
  }
  victim.run();
  checkInvariants(victim.loop.pool);
});
