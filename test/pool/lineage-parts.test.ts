import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolLoop } from '../../src/loop/pool-loop.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { restored, saved } from '../core/states.js';
import { forgetful } from './forgetful.js';
import { Graph } from './graph.js';
import { Harness, OPTIONS } from './harness.js';
import type { Handle, Member } from './member.js';

const ROWS = 64;
const SPACE = { dtype: 'uint8', shape: [ROWS] } as const;

const ask = (member: Member, name: string): Graph => new Graph(member.lineage(name));

function take(member: Member, name: string): void {
  member.demand(name, { dispose: true }).delivered();
}

/** Offers one element. */
function part(handle: Handle, at: number): void {
  handle.offerPart([[ROWS], [at]], 'x', { keep: true }).ok();
}

const field = (member: Member, name = 'field'): Handle => member.declare(name, { space: SPACE });

/** A source of its own for each of some writers, which demand it and then offer. */
function writers(pool: Harness, count: number): Member[] {
  const source = pool.member('source');
  return Array.from({ length: count }, (_, at) => {
    source.offer(`in/${at}`, 'x');
    return pool.member(`w[${at}]`);
  });
}

test('each part counts: who offered it, and what that member had demanded', () => {
  const pool = new Harness();
  const [one, two, three] = writers(pool, 3) as [Member, Member, Member];
  take(one, 'in/0');
  const handle = field(one);
  part(handle, 0);
  take(two, 'in/1');
  const other = field(two);
  part(other, 1);
  part(other, 2);
  part(field(three), 3);
  const up = ask(three, 'field');
  assert.deepEqual(up.derived, ['field@1 of in/0@1', 'field@1 of in/1@1']);
  assert.deepEqual(up.parts, ['w[1] field@1', 'w[2] field@1']);
  assert.deepEqual(up.used, ['w[0] in/0@1', 'w[1] in/1@1']);
  assert.equal(up.maker('field@1')['member'], 'w[0]');
  assert.deepEqual(ask(three, 'in/1').derived, ['field@1 of in/1@1']);
  assert.equal(pool.pool.provenance.entities.used, 5, 'two parts of one run are one row');
  // Who began it goes on with what it demands meanwhile.
  take(one, 'in/2');
  part(handle, 4);
  const more = ask(three, 'field');
  assert.deepEqual(more.derived, ['field@1 of in/0@1', 'field@1 of in/1@1', 'field@1 of in/2@1']);
  assert.deepEqual(more.parts, ['w[0] field@1', 'w[1] field@1', 'w[2] field@1']);
});

test('who has read a part offers another one: the version is not derived from itself', () => {
  const pool = new Harness();
  const [one, two] = writers(pool, 2) as [Member, Member];
  take(one, 'in/0');
  part(field(one), 0);
  const reading = two.declare('field');
  reading.region([[ROWS], [0]]).ok();
  reading.demand({ dispose: true }).parts();
  part(field(two), 1);
  const graph = ask(two, 'field');
  assert.deepEqual(graph.derived, ['field@1 of in/0@1']);
  assert.deepEqual(graph.used, ['w[0] in/0@1', 'w[1] field@1']);
});

test('parts are remembered when their version and members are gone, also by a snapshot', () => {
  const pool = new Harness({ twin: false });
  const members = writers(pool, 8);
  members.forEach((member, at) => {
    take(member, `in/${at}`);
    part(field(member), at);
    member.leave().bye();
  });
  const last = pool.member('last');
  last.unkeep('field').ok();
  const before = ask(last, 'field');
  assert.equal(before.node('field@1')['state'], 'gone');
  assert.equal(before.derived.length, 8);
  assert.equal(before.parts.length, 7);
  const bytes = saved((w) => savePool(pool.pool, w));
  (pool.loop as { pool: PoolLoop['pool'] }).pool = restored(bytes, restorePool);
  pool.loop.input({ kind: 'restart', options: OPTIONS, slabsLost: [] });
  pool.settle();
  checkInvariants(pool.pool);
  const after = ask(last, 'field');
  assert.deepEqual([after.derived, after.parts], [before.derived, before.parts]);
});

test('appended rows count as parts do', () => {
  const pool = new Harness();
  const [one, two] = writers(pool, 2) as [Member, Member];
  const growing = { space: { dtype: 'uint8', shape: [null] } } as const;
  for (const [at, member] of [one, two].entries()) {
    take(member, `in/${at}`);
    member.declare('log', growing).append('row').value();
  }
  const graph = ask(two, 'log');
  assert.deepEqual(graph.derived, ['log@1 of in/0@1', 'log@1 of in/1@1']);
  assert.deepEqual(graph.parts, ['w[1] log@1']);
});

for (const entitiesMax of [2, 4, 16]) {
  test(`of ${entitiesMax} versions and parts the oldest go, and an answer says so`, () => {
    const pool = forgetful({ entitiesMax, usesMax: 8 });
    const members = writers(pool, 20);
    const fields = ['a', 'b', 'c'];
    members.forEach((member, at) => {
      take(member, `in/${at}`);
      for (const name of fields) part(field(member, name), at);
      checkInvariants(pool.pool);
    });
    const reader = pool.member('reader');
    const graphs = fields.map((name) => ask(reader, name));
    assert.ok(graphs.every(({ answer }) => answer['forgotten'] === true));
    assert.equal(pool.pool.provenance.entities.used, entitiesMax);
    if (entitiesMax === 16) assert.ok(graphs.some(({ derived }) => derived.length > 1));
  });
}

test('stays that offer in turn to some versions take one row for each', () => {
  const pool = new Harness();
  const members = writers(pool, 5);
  const handles = members.map((member) => [field(member, 'a'), field(member, 'b')] as const);
  for (let round = 0; round < 10; round++) {
    handles.forEach(([a, b], at) => {
      part(a, round * 5 + at);
      part(b, round * 5 + at);
    });
  }
  assert.equal(pool.pool.provenance.entities.used, 2 * 5, 'the first is that of the version');
});

test('an empty pool that gives back what it needed keeps the newest parts', () => {
  const pool = forgetful({ provenanceLeftMax: 10 });
  const source = pool.member('source');
  const [one, two] = [pool.member('w[0]'), pool.member('w[1]')] as const;
  const inputs = [one, two].map((member, at) => {
    const input = source.offer(`in/${at}`, 'x');
    take(member, `in/${at}`);
    return input;
  });
  const used: number[] = [];
  for (let step = 0; step < 60; step++) {
    const handles = [one, two].map((member) => field(member, `field/${step}`));
    handles.forEach((handle, at) => {
      part(handle, at);
    });
    source.unkeep(`field/${step}`).ok();
    for (const handle of handles) handle.dispose().ok();
    used.push(pool.pool.provenance.entities.used);
  }
  assert.deepEqual(ask(source, 'field/59').parts, ['w[1] field/59@1']);
  for (const input of inputs) {
    input.withdraw().ok();
    input.dispose().ok();
  }
  const left = pool.pool.provenance.entities.used;
  assert.deepEqual([Math.max(...used), left], [122, 10]);
  const graph = ask(source, 'field/59');
  assert.deepEqual([graph.parts, graph.answer['forgotten']], [['w[1] field/59@1'], true]);
});
