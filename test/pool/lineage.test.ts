import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timestamp, type Value } from '../../src/core/value.js';
import type { PoolLoop } from '../../src/loop/pool-loop.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import type { Provenance } from '../../src/pool/provenance.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { restored, saved } from '../core/states.js';
import { forgetful } from './forgetful.js';
import { Graph } from './graph.js';
import { Harness, OPTIONS } from './harness.js';
import type { Member } from './member.js';

const ask = (member: Member, name: string, depth = 0): Graph =>
  new Graph(member.lineage(name, depth));

function take(member: Member, name: string): void {
  member.demand(name, { dispose: true }).delivered();
}

test('two inputs: what is offered was derived from what its member had demanded before', () => {
  const pool = new Harness({ wallMs: 1_700_000_000_000 });
  const model = pool.member('model', pool.client({ host: 'a', pid: 7, command: 'model --fast' }));
  const plot = pool.member('plot');
  model.offer('t', 'warm');
  model.offer('u', 'windy');
  model.offer('w', 'nobody demands it');
  pool.pass(5);
  take(plot, 't');
  take(plot, 'u');
  pool.pass(5);
  plot.offer('map', 'x');
  const up = ask(plot, 'map');
  assert.deepEqual([up.root, up.labels], ['map@1', ['map@1', 't@1', 'u@1']]);
  assert.deepEqual(up.derived, ['map@1 of t@1', 'map@1 of u@1']);
  assert.deepEqual(up.used, ['plot t@1', 'plot u@1']);
  assert.deepEqual(up.node('map@1'), {
    name: 'map',
    version: 1,
    state: 'offered',
    activity: up.node('map@1')['activity'] ?? null,
    time: new Timestamp(1_700_000_001_010n * 1_000_000n),
    bytes: 1,
    place: 2,
  });
  const { since, ...maker } = up.maker('t@1');
  assert.ok(since instanceof Timestamp);
  assert.deepEqual(maker, {
    ...{ member: 'model', id: 1, session: 1, host: 'a', pid: 7, command: 'model --fast' },
    ...{ client: null, until: null, stay: 'present' },
  });
  const down = ask(plot, 't');
  assert.deepEqual(down.derived, ['map@1 of t@1']);
  assert.deepEqual(down.used, ['plot t@1']);
  assert.deepEqual([ask(plot, 'w').labels, ask(plot, 'w').edges], [['w@1'], []]);
});

test('a member that says what it runs is told by that, one of the same process beside it not', () => {
  const pool = new Harness();
  const client = pool.client({ host: 'a', pid: 7, command: 'run jobs' });
  const [list, job] = [client.join('run'), client.join('exec[*]', { command: 'cat {x} > {y}' })];
  const long = client.join('exec[*]', { command: 'x'.repeat(5_000) });
  const strange = client.join('exec[*]', { command: 7 });
  list.offer('x', 'x');
  take(job, 'x');
  job.offer('y', 'y');
  long.offer('z', 'z');
  strange.offer('w', 'w');
  const commandOf = (name: string) => ask(list, name).maker(`${name}@1`)['command'];
  assert.deepEqual(['x', 'y', 'z', 'w'].map(commandOf), [
    'run jobs',
    'cat {x} > {y}',
    'x'.repeat(1_000),
    'run jobs',
  ]);
  const { host, pid } = ask(list, 'y').maker('y@1');
  assert.deepEqual([host, pid], ['a', 7], 'the process is that of the session');
  job.leave().bye();
  assert.equal(commandOf('y'), 'cat {x} > {y}', 'also when it is gone');
  const rows = list.members().value() as unknown as { readonly command: Value }[];
  assert.deepEqual(
    rows.map(({ command }) => String(command).length),
    [8, 1_000, 8],
  );
});

test('a loop: each offer was derived from what was demanded since the offers before', () => {
  const pool = new Harness();
  const [source, worker] = [pool.member('source'), pool.member('worker')];
  source.offer('mask', 'once');
  take(worker, 'mask');
  for (let step = 1; step <= 3; step++) {
    source.offer(`in/${step}`, 'x');
    take(worker, `in/${step}`);
    worker.offer(`out/${step}`, 'y');
    worker.offer(`log/${step}`, 'z');
  }
  const third = ask(worker, 'out/3');
  assert.deepEqual(third.derived, ['out/3@1 of in/3@1']);
  // What it was not derived from, as far as one can tell, and yet its maker had used.
  assert.deepEqual(third.used, [
    'worker in/1@1',
    'worker in/2@1',
    'worker in/3@1',
    'worker mask@1',
  ]);
  assert.deepEqual(ask(worker, 'log/3').derived, ['log/3@1 of in/3@1']);
  assert.deepEqual(ask(worker, 'out/1').derived, ['out/1@1 of in/1@1', 'out/1@1 of mask@1']);
  assert.deepEqual(ask(worker, 'in/2').derived, ['log/2@1 of in/2@1', 'out/2@1 of in/2@1']);
  const mask = ask(worker, 'mask');
  assert.deepEqual(mask.derived, ['log/1@1 of mask@1', 'out/1@1 of mask@1']);
  // What was made later by who had used it is there, too.
  assert.ok(mask.labels.includes('out/3@1'));
  assert.ok(Number(mask.node('out/3@1')['place']) > Number(mask.node('out/1@1')['place']));
});

test('a demand again, a peek and a demand that waits: what is noted is what was handed over', () => {
  const pool = new Harness();
  const [source, worker] = [pool.member('source'), pool.member('worker')];
  source.offer('a', 'x');
  take(worker, 'a');
  take(worker, 'a');
  source.offer('seen', 'x');
  worker.demand('seen', { mode: 'peek', dispose: true }).delivered();
  const late = worker.demand('late', { dispose: true }).waits();
  worker.offer('early', 'x');
  source.offer('late', 'x');
  late.delivered();
  worker.offer('later', 'x');
  worker.demand('never', { deadline: 5 }).waits();
  pool.pass(10);
  worker.offer('last', 'x');
  assert.deepEqual(ask(worker, 'early').derived, ['early@1 of a@1']);
  assert.deepEqual(ask(worker, 'later').derived, ['later@1 of late@1']);
  assert.deepEqual(ask(worker, 'last').used, ['worker a@1', 'worker late@1']);
  assert.deepEqual(ask(worker, 'seen').labels, ['seen@1']);
});

/** raw -> clean -> product, by three members; of the first two nothing is left. */
function pipe(pool: Harness): Member {
  const [one, two, three] = ['one', 'two', 'three'].map((name) => pool.member(name)) as [
    Member,
    Member,
    Member,
  ];
  const raw = one.offer('raw', 'x');
  take(two, 'raw');
  const clean = two.offer('clean', 'y');
  raw.withdraw().ok();
  raw.dispose().ok();
  take(three, 'clean');
  clean.withdraw().ok();
  clean.dispose().ok();
  one.leave().bye();
  pool.crash(two.client);
  pool.pass(1);
  three.offer('product', 'z');
  return three;
}

test('a session that ends in order has left, one that is gone has crashed', () => {
  const pool = new Harness();
  for (const how of ['ended', 'died'] as const) {
    const member = pool.member(how);
    member.offer(how, 'x', { keep: true });
    if (how === 'ended') member.end();
    else pool.crash(member.client);
  }
  const view = pool.member('view');
  assert.deepEqual(
    ['ended', 'died'].map((name) => ask(view, name).maker(`${name}@1`)['stay']),
    ['left', 'crashed'],
  );
});

test('a pipe over three members: lineage reaches through what is gone, and who', () => {
  const pool = new Harness();
  const three = pipe(pool);
  three.stat('clean').fails('unknown-object');
  const graph = ask(three, 'product');
  assert.deepEqual(graph.derived, ['clean@1 of raw@1', 'product@1 of clean@1']);
  assert.deepEqual(
    ['product@1', 'clean@1', 'raw@1'].map((label) => graph.node(label)['state']),
    ['offered', 'gone', 'gone'],
  );
  assert.deepEqual(
    ['product@1', 'clean@1', 'raw@1'].map((label) => graph.maker(label)['stay']),
    ['present', 'crashed', 'left'],
  );
  assert.equal(graph.answer['forgotten'], false);
  const gone = ask(three, 'raw');
  assert.deepEqual(gone.derived, ['clean@1 of raw@1', 'product@1 of clean@1']);
  const near = ask(three, 'product', 1);
  assert.deepEqual([near.labels, near.answer['deeper']], [['clean@1', 'product@1'], true]);
  assert.equal(graph.answer['deeper'], false);
});

test('versions: a name that is offered again is another, also when it was forgotten', () => {
  const pool = new Harness();
  const [one, two] = [pool.member('one'), pool.member('two')];
  for (const round of [1, 2]) {
    const first = one.offer('a', `${round}`);
    take(two, 'a');
    two.offer(`of/${round}`, 'x');
    first.withdraw().ok();
    if (round === 1) one.require('a');
    pool.pass(1);
  }
  assert.deepEqual(ask(two, 'of/1').derived, ['of/1@1 of a@1']);
  assert.deepEqual(ask(two, 'of/2').derived, ['of/2@1 of a@2']);
  // Without any that is offered, its last one is meant.
  assert.equal(ask(two, 'a').root, 'a@2');
  two.lineage('nothing').fails('unknown-object');
});

test('a bound require that is answered late does not make the older version the last one', () => {
  const pool = new Harness();
  const [one, two] = [pool.member('one'), pool.member('two')];
  const first = one.offer('a', '1');
  const bound = two.require('a');
  first.withdraw().ok();
  pool.pass(1);
  const second = one.offer('a', '2');
  take(two, 'a');
  bound.demand({ dispose: true }).delivered();
  for (const handle of [first, second]) {
    if (handle === second) handle.withdraw().ok();
    handle.dispose().ok();
  }
  two.stat('a').fails('unknown-object');
  assert.equal(ask(two, 'a').root, 'a@2');
  two.offer('b', 'x');
  assert.deepEqual(ask(two, 'b').derived, ['b@1 of a@1', 'b@1 of a@2']);
});

test('a slice is a use, also when it is given away or its object is deleted', () => {
  const pool = new Harness();
  const [one, two] = [pool.member('one'), pool.member('two')];
  const own = one.offer('own', one.slice('abc'));
  const wanted = two.require('own');
  own.withdraw().ok();
  wanted.demand({ mode: 'own' }).delivered();
  one.offer('kept', one.slice('abc'), { keep: true });
  two.demand('kept').delivered();
  one.delete('kept').ok();
  two.offer('both', 'x');
  assert.deepEqual(ask(two, 'both').derived, ['both@1 of kept@1', 'both@1 of own@1']);
});

test('declared relations: tags and attributes lead to names, offered, gone, or never seen', () => {
  const pool = new Harness();
  const member = pool.member('m');
  member.offer('a', 'x');
  member.offer('b', 'x', { attributes: { '.depends-on': 'a' } });
  member.offer('c', 'x', { attributes: { '.part-of': ['set'] } });
  member.tag('c', { '.derived-from': ['a', 'paper'], '.supersedes': ['c'] }).ok();
  const up = ask(member, 'c');
  assert.deepEqual(up.declared, [
    'c@1 derived-from a@1',
    'c@1 derived-from paper',
    'c@1 part-of set',
    'c@1 supersedes c@1',
  ]);
  assert.equal(up.node('paper')['state'], 'unknown');
  assert.deepEqual(ask(member, 'a').declared, [
    'b@1 depends-on a@1',
    'c@1 derived-from a@1',
    'c@1 supersedes c@1',
  ]);
  // A tag hides the attribute of its key, here as in selectors.
  member.tag('b', { '.depends-on': ['c'] });
  assert.deepEqual(ask(member, 'a', 1).declared, ['c@1 derived-from a@1']);
  member.lineage('paper').fails('unknown-object');
  member.require('wanted');
  assert.equal(ask(member, 'wanted').node('wanted')['state'], 'required');
});

test('a ring of declared relations is walked once', () => {
  const pool = new Harness();
  const member = pool.member('m');
  for (const [name, of] of [
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'a'],
  ] as const) {
    member.offer(name, 'x', { attributes: { '.derived-from': [of] } });
  }
  const ring = ['a@1 derived-from b@1', 'b@1 derived-from c@1', 'c@1 derived-from a@1'];
  assert.deepEqual(ask(member, 'b').declared, ring);
});

test('a restart: what was noted before is known, and what follows is noted with it', () => {
  const pool = new Harness({ twin: false });
  const three = pipe(pool);
  const bytes = saved((w) => savePool(pool.pool, w));
  (pool.loop as { pool: PoolLoop['pool'] }).pool = restored(bytes, restorePool);
  pool.loop.input({
    kind: 'restart',
    options: { ...OPTIONS, wallMs: 9_000_000 },
    slabsLost: [],
  });
  pool.settle();
  take(three, 'product');
  three.offer('report', 'x');
  const graph = ask(three, 'report');
  const chain = ['clean@1 of raw@1', 'product@1 of clean@1', 'report@1 of product@1'];
  assert.deepEqual(graph.derived, chain);
  const time = graph.node('report@1')['time'];
  assert.ok(time instanceof Timestamp && time.nanoseconds > 9_000_000n * 1_000_000n);
  checkInvariants(pool.pool);
});

test('at its limits a pool forgets the oldest, and says what is lacking', () => {
  const pool = forgetful({ entitiesMax: 4, usesMax: 8 });
  const [one, two] = [pool.member('one'), pool.member('two')];
  const chain = (last: number): void => {
    for (let step = 1; step <= last; step++) {
      const member = step % 2 === 0 ? one : two;
      if (step > 1) take(member, `s/${step - 1}`);
      member.offer(`s/${step}`, 'x');
    }
  };
  chain(10);
  const graph = ask(one, 's/10');
  assert.deepEqual(graph.derived, ['s/10@1 of s/9@1', 's/8@1 of s/7@1', 's/9@1 of s/8@1']);
  assert.equal(graph.answer['forgotten'], true);
  const provenance = one.info().value()['provenance'] as { [key: string]: Value };
  assert.deepEqual(
    [provenance['versions'], provenance['versionsForgotten'], provenance['uses']],
    [4, 6, 8],
  );
  // It is offered still, but what it was made of is not known any more.
  assert.deepEqual(
    [ask(one, 's/3').labels, ask(one, 's/3').answer['forgotten']],
    [['s/3@1'], true],
  );
  take(one, 's/3');
  assert.equal(ask(one, 's/3').answer['forgotten'], true);
  // A state that is restored knows no more of what has gone, and goes on alike.
  const state = saved((w) => savePool(pool.pool, w));
  const other = restored(state, restorePool);
  assert.deepEqual(
    saved((w) => savePool(other, w)),
    state,
  );
});

test('long names and commands count: those of the oldest go first', () => {
  const pool = forgetful({ provenanceBytesMax: 8_192 });
  const [one, two] = [pool.member('one'), pool.member('two')];
  for (let step = 0; step < 40; step++) {
    one.offer(`${step}/${'n'.repeat(500)}`, 'x');
    take(two, `${step}/${'n'.repeat(500)}`);
  }
  assert.ok(pool.pool.provenance.entities.used < 20);
  assert.ok(pool.pool.provenance.arena.bytesUsed <= 8_192 + 1_024);
  for (let index = 0; index < 30; index++) {
    const client = pool.client({ host: 'h', pid: index, command: 'c'.repeat(900) });
    const job = pool.member(`job[${index}]`, client);
    take(job, `${index}/${'n'.repeat(500)}`);
    job.leave().bye();
  }
  assert.ok(pool.pool.provenance.activities.used < 12);
});

test('an answer holds so many versions, the nearest, and says that there is more', () => {
  const pool = new Harness({ checked: false });
  const [one, two] = [pool.member('one'), pool.member('two')];
  pool.batch(() => {
    for (let index = 0; index < 1_500; index++) one.declare(`in/${index}`).offer('x');
  });
  pool.batch(() => {
    for (let index = 0; index < 1_500; index++) two.demand(`in/${index}`, { dispose: true });
  });
  two.offer('sum', 'x');
  const graph = ask(two, 'sum');
  assert.deepEqual([graph.nodes.length, graph.answer['truncated']], [1_000, true]);
  assert.equal(graph.root, 'sum@1');
  assert.equal(ask(two, 'in/7').answer['truncated'], false);
});

test('a wide graph of declared relations: an answer has an end, and says that there is more', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('m');
  for (let index = 0; index < 300; index++) {
    const others = Array.from({ length: 600 }, (_, at) => `w${(index + at + 1) % 900}`);
    member.offer(`w${index}`, 'x', { attributes: { '.derived-from': others } });
  }
  const graph = ask(member, 'w1', 2 ** 32 - 1);
  assert.deepEqual([graph.edges.length, graph.answer['truncated']], [1_761, true]);
  assert.equal(graph.root, 'w1@1');
  // What is near is there as a whole.
  assert.equal(graph.declared.filter((edge) => edge.startsWith('w1@1 ')).length, 600);
  // The lists of all who might name it are more than is read, however near the end is.
  const near = ask(member, 'w1', 1);
  assert.deepEqual([near.answer['truncated'], near.answer['deeper']], [true, true]);
});

test('an empty pool gives back what very much needed, and remembers the newest', () => {
  const pool = forgetful({ provenanceLeftMax: 10 });
  const [one, two] = [pool.member('one'), pool.member('two')];
  const provenance = (): Provenance => pool.pool.provenance;
  const emptied: number[] = [];
  for (let step = 1; step <= 100; step++) {
    const raw = one.offer(`raw/${step}`, 'x');
    const job = pool.member(`job[${step}]`, two.client);
    take(job, `raw/${step}`);
    const out = job.offer(`out/${step}`, 'x');
    take(two, `out/${step}`);
    for (const handle of [raw, out]) {
      handle.withdraw().ok();
      handle.dispose().ok();
    }
    job.leave().bye();
    emptied.push(provenance().entities.used);
  }
  assert.ok(Math.max(...emptied) < 80 && Math.min(...emptied.slice(40)) === 10);
  assert.ok(provenance().activities.used < 60);
  assert.deepEqual(ask(two, 'out/100').derived, ['out/100@1 of raw/100@1']);
  two.lineage('out/1').fails('unknown-object');
  two.offer('more', 'x');
  assert.equal(ask(two, 'more').answer['forgotten'], true);
});
