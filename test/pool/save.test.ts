import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { digest } from '../../src/pool/digest.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { Session } from '../../src/pool/sessions.js';
import { pendingEffects } from '../../src/pool/slabs.js';
import { PoolState } from '../../src/pool/state.js';
import { step } from '../../src/pool/step.js';
import { writeKey } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { Harness, OPTIONS } from './harness.js';
import { attempt, operationsOf, report } from './model/search.js';
import { type Dice, random } from './random.js';

const SEEDS = Number(process.env['ATTACCA_SEEDS'] ?? 25);
const MiB = 1 << 20;

function savedPool(pool: PoolState): Uint8Array {
  return saved((w) => savePool(pool, w));
}

function digestOf(pool: PoolState): Uint8Array {
  const w = new Writer();
  digest(pool, w);
  return w.written().slice();
}

/** Every field of a thing that is no thing itself, and how many are in each that is. */
function fieldsOf(it: object): { [key: string]: unknown } {
  const fields = Object.entries(it).flatMap(([key, value]): [string, unknown][] => {
    // The last request of a run of answers that has ended means nothing.
    if (key === 'okLast') return [];
    if (value instanceof Map || value instanceof Set) return [[key, [...value.keys()].length]];
    if (Array.isArray(value)) return [[key, value.length]];
    return typeof value === 'object' || typeof value === 'function' ? [] : [[key, value]];
  });
  return Object.fromEntries(fields);
}

/** Finds a field that came to be and was forgotten here. */
function compareFields(one: PoolState, two: PoolState): void {
  assert.deepEqual(fieldsOf(one), fieldsOf(two));
  for (const key of ['sessions', 'members', 'promises', 'adoptsPending', 'departed'] as const) {
    assert.deepEqual([...one[key].keys()], [...two[key].keys()], key);
    assert.deepEqual([...one[key].values()].map(fieldsOf), [...two[key].values()].map(fieldsOf));
  }
  assert.deepEqual(one.leaseWaits.map(fieldsOf), two.leaseWaits.map(fieldsOf));
  assert.deepEqual(fieldsOf(one.extents), fieldsOf(two.extents));
  assert.deepEqual(fieldsOf(one.options), fieldsOf(two.options));
}

/**
 * Stands a second loop beside that of a harness: it is called as the first one, its pool is
 * restored from what it saves now and then, and whatever it says must be what the first one says.
 */
class Mirror {
  readonly #twin: { pool: PoolState } & PoolLoop;
  readonly #dice: Dice;
  restores = 0;

  constructor({ loop }: Harness, dice: Dice) {
    const twin = new PoolLoop(loop.pool.options);
    this.#twin = twin;
    this.#dice = dice;
    const { openSession, receive, receiveAck, input, release } = PoolLoop.prototype;
    loop.openSession = (process) => {
      const session = openSession.call(loop, process);
      assert.equal(twin.openSession(process), session);
      return session;
    };
    loop.receive = (...frame) => {
      twin.receive(...frame);
      receive.apply(loop, frame);
    };
    loop.receiveAck = (...ack) => {
      twin.receiveAck(...ack);
      receiveAck.apply(loop, ack);
    };
    loop.input = (given) => {
      twin.input(given);
      input.call(loop, given);
    };
    loop.release = (batch) => {
      const said = release.call(loop, batch);
      assert.deepEqual(twin.run(batch.now), said);
      this.#compare(loop.pool);
      return said;
    };
  }

  #compare(pool: PoolState): void {
    assert.deepEqual(digestOf(this.#twin.pool), digestOf(pool));
    if (this.#dice(8) > 0) return;
    const bytes = savedPool(this.#twin.pool);
    assert.deepEqual(bytes, savedPool(pool));
    this.#twin.pool = restored(bytes, restorePool);
    compareFields(this.#twin.pool, pool);
    checkInvariants(this.#twin.pool);
    assert.deepEqual(savedPool(this.#twin.pool), bytes);
    this.restores++;
  }
}

test('a pool that is restored goes on as the one that was saved, whatever is asked of both', () => {
  let restores = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const mirrors: Mirror[] = [];
    const plant = (pool: Harness): void => void mirrors.push(new Mirror(pool, random(seed)));
    const failure = attempt(seed, operationsOf(seed, 300), { checked: false, plant });
    if (failure !== null) assert.fail(report(seed, failure));
    restores += mirrors[0]?.restores ?? 0;
  }
  assert.ok(restores > SEEDS * 10, `${restores} restores`);
});

/** A pool that is restored after each batch. */
function mirrored(options: ConstructorParameters<typeof Harness>[0] = {}): Harness {
  const pool = new Harness(options);
  new Mirror(pool, () => 0);
  return pool;
}

/** Everything that a pool can know at once. */
function story(pool: Harness): void {
  const model = pool.member(
    'model[*]',
    pool.client({ host: 'here', pid: 7, command: 'x '.repeat(600) }),
  );
  const reader = pool.member('reader');
  pool.answerAll();
  const slice = { ...model.lease(64).grant(), size: 60 };
  model.offer('t/850', slice, { attributes: { unit: 'K', level: 850 }, keep: true });
  model.offer('t/500', 'inline', { attributes: { unit: 'K' }, keep: true, lifetime: 5_000 });
  reader.tag('t/850', { seen: true, by: 'reader' }).ok();
  reader.demand('t/850', { want: true }).delivered();
  // Two that wait, one with a deadline that others come before; and reasons of what has failed.
  reader.demand('later', { deadline: 40_000 }).waits();
  model.demand('sooner', { deadline: 30_000 }).waits();
  for (const member of [reader, model]) member.demand('t/500', { attributes: { unit: 'C' } });
  model.promise('p/*', 'glob').made.ok();
  model.promise('p/1').made.ok();
  const closed = model.promise('closed');
  for (const member of [reader, model]) member.require('closed');
  closed.close().ok();
  const gone = pool.member('gone[3]');
  gone.promise('g/*', 'glob').made.ok();
  reader.require('g/1');
  pool.crash(gone.client);
  pool.member('left').leave().bye();
  model.adopt('adopt-1', 4_096).waits();
  pool.answerAll();
  reader.adopt('adopt-2', 8_192).waits();
  // Two numbers for one key.
  reader.client.call((w) => writeKey(w, 50, 'unit')).ok();
  // More than a segment of numbers has.
  pool.batch(() => {
    for (let handle = 0; handle < 1_100; handle++) reader.declare(`many/${handle}`);
  });
}

test('all that a pool can know is saved: answers, ends and effects are those of the saved one', () => {
  const pool = mirrored({ memoryBytesMax: 80 * MiB, agent: 'manual' });
  story(pool);
  const held = pool.member('hog');
  held.lease(60 * MiB).grant();
  const big = held.declare('big');
  held.lease(60 * MiB, { deadline: 20_000, for: big }).waits();
  pool.answerAll();
  for (const member of [held, held]) {
    for (const look of [member.info(), member.members(), member.list('*', '', 0, true)])
      look.value();
    member.explain('closed').value();
    member.explain('p/1').value();
  }
  pool.pass(50);
  pool.pass(60);
  big.dispose().ok();
  pool.loop.input({ kind: 'drain', graceMs: 60_000 });
  for (let ms = 0; ms < 50_000; ms += 5_000) pool.pass(5_000);
  for (const client of pool.clients.values()) if (!client.gone) pool.crash(client);
  assert.equal(pool.pool.handles.used, 0);
});

test('slabs: that the agent could not make one is known after a restart', () => {
  const pool = mirrored({ memoryBytesMax: 128 * MiB, agent: 'manual' });
  const member = pool.member('a');
  pool.answerAll();
  member.lease(50 * MiB).grant();
  const call = member.lease(50 * MiB, { deadline: 10 }).waits();
  const [wanted] = pool.unanswered.splice(0);
  assert.ok(wanted?.kind === 'slab-wanted');
  const { slab, size } = wanted;
  pool.loop.input({ kind: 'slab-failed', slab, size, why: 'no space left' });
  pool.settle();
  pool.pass(10);
  assert.match(call.fails('memory-full').message, /no space left/);
});

test('adopt: who knows of a file is told of its end, in the order in which they came to know', () => {
  const pool = mirrored({ memoryBytesMax: 80 * MiB });
  const [writer, one, two] = ['writer', 'one', 'two'].map((name) => pool.member(name));
  assert.ok(writer !== undefined && one !== undefined && two !== undefined);
  const handle = writer.offer('x', writer.adopt('adopt-1', 4_096).grant());
  for (const reader of [two, one]) {
    const read = reader.declare('x');
    read.demand().delivered();
    read.dispose().ok();
  }
  handle.withdraw().ok();
  for (const { client } of [writer, one, two]) {
    assert.deepEqual(client.notices, [{ kind: 'slabGone', slab: 1 }]);
  }
});

const numbers = fc.array(fc.tuple(fc.nat(5_000), fc.nat(2)), { maxLength: 60 });

test('a session goes on alike: its numbers of handles and keys, and what they cost', () => {
  fc.assert(
    fc.property(numbers, numbers, (before, after) => {
      const one = new Session(7, { pid: 1 }, 0.5);
      const act = (session: Session, [number, row]: readonly [number, number]): string => {
        session.handles.set(number, row);
        session.keys.define(number % 64, 1 + (number % 50));
        const { handles, keys } = session;
        return `${handles.get(number)} ${handles.used} ${handles.bytesUsed} ${keys.hasAliases}`;
      };
      for (const each of before) act(one, each);
      const bytes = saved((w) => one.save(w));
      const two = restored(bytes, Session.restore);
      assert.deepEqual(fieldsOf(two), fieldsOf(one));
      assert.equal(two.keys.hasAliases, one.keys.hasAliases);
      for (const each of after) assert.equal(act(two, each), act(one, each));
      assert.deepEqual(
        saved((w) => two.save(w)),
        saved((w) => one.save(w)),
      );
    }),
  );
});

test('what was asked of the agent is asked again, until it is answered', () => {
  const pool = mirrored({ memoryBytesMax: 80 * MiB, agent: 'manual' });
  const member = pool.member('a');
  const asked = (): unknown => pendingEffects(restored(savedPool(pool.pool), restorePool));
  assert.deepEqual(asked(), pool.unanswered);
  assert.equal(pool.unanswered.length, 1);
  member.adopt('adopt-1', 64).waits();
  member.adopt('adopt-2', 128).waits();
  assert.deepEqual(asked(), pool.unanswered);
  assert.equal(pool.unanswered.length, 3);
  pool.answerAll();
  assert.deepEqual(asked(), []);
});

test('an answer of the agent to what it was not asked ends the pool', () => {
  const pool = new Harness({ memoryBytesMax: 80 * MiB, agent: 'manual' });
  pool.member('a');
  pool.loop.input({ kind: 'slab-ready', slab: 7, size: MiB });
  assert.throws(() => pool.settle(), /assertion failed: the agent answers/);
  const other = new Harness({ memoryBytesMax: 80 * MiB });
  const adopted = { kind: 'adopted' as const, slab: 7, size: 64, session: 1, request: 1 };
  other.loop.input({ ...adopted, failure: null });
  assert.throws(() => other.settle(), /assertion failed: the agent answers/);
});

test('a pool is saved between batches alone', () => {
  const pool = new PoolState({ ...OPTIONS });
  savedPool(pool);
  step(pool, 1, { kind: 'session-opened', session: 1, process: {} });
  assert.throws(() => savedPool(pool), /assertion failed: all effects were taken/);
  pool.effects.length = 0;
  step(pool, 1, { kind: 'drain', graceMs: 5 });
  assert.throws(() => savedPool(pool), /assertion failed: all answers were taken/);
});

test('the digest tells states apart, and takes the same room for each', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const one = digestOf(pool.pool);
  member.ping().ok();
  const two = digestOf(pool.pool);
  assert.notDeepEqual(two, one);
  assert.equal(two.length, one.length);
});

/** Restores what may be broken: a state or `journal-damaged`, and memory for what there is. */
function survives(bytes: Uint8Array): boolean {
  const before = process.memoryUsage().arrayBuffers;
  let isDamaged = false;
  try {
    restored(bytes, restorePool);
  } catch (error) {
    assert.ok(error instanceof AttaccaError && error.code === 'journal-damaged', String(error));
    isDamaged = true;
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < bytes.length + 16 * MiB, `${grown} bytes for ${bytes.length}`);
  return isDamaged;
}

test('fuzz: a saved pool with bytes cut or turned is damage or a state, at once', () => {
  const pool = new Harness({ memoryBytesMax: 80 * MiB, agent: 'manual', checked: false });
  story(pool);
  const bytes = savedPool(pool.pool);
  const dice = random(3);
  assert.ok(!survives(bytes));
  for (let count = 0; count < 100; count++) {
    assert.ok(survives(bytes.slice(0, dice(bytes.length))), 'what is cut is never whole');
  }
  const other = bytes.slice();
  for (let count = 0; count < 600; count++) {
    // Half of them where the small fields are: before the tables, and behind the last of them.
    const at = dice(2) === 0 ? dice(bytes.length) : bytes.length - 1 - dice(8_000);
    const was = other[at] as number;
    other[at] = dice(3) === 0 ? 255 : was ^ (1 << dice(8));
    survives(other);
    other[at] = was;
  }
});
