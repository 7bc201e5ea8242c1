import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { codeOf, errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';
import { Program } from './support/process.js';

for (const transport of TRANSPORTS) {
  test(`${transport}: a group is demanded before it is there, and whole`, async (t) => {
    const server = await servePool(t);
    await using model = await joinApart(server, 'model', { transport });
    await using view = await joinApart(server, 'view', { transport });
    const wanted = view.group('step/24');
    await wanted.require();
    const step = model.group('step/24', { attributes: { step: 24 } });
    step.add('t/24', ramp(50_000), { attributes: { param: 't' } }).add('u/24', ramp(3));
    step.add('done');
    const w = step.object('w/24', { space: { dtype: 'float64', shape: [2, 3] } });
    w.array.fill(7);
    assert.deepEqual(step.names, ['t/24', 'u/24', 'done', 'w/24']);
    await step.offer();
    await step.withdraw();
    await model.put('t/24', ramp(1));
    await using got = await wanted.demand();
    assert.deepEqual([got.name, got.version, got.attributes['step']], ['step/24', 1, 24]);
    assert.deepEqual([...got.views.keys()], ['t/24', 'u/24', 'done', 'w/24']);
    assert.deepEqual(got.get('t/24').copy(), ramp(50_000));
    assert.equal(got.get('t/24').attributes['param'], 't');
    assert.deepEqual(got.get('w/24').space.shape, [2, 3]);
    assert.deepEqual([...got.get('w/24').array], [7, 7, 7, 7, 7, 7]);
    assert.throws(() => got.get('v/24'), { code: 'unknown-object' });
    assert.equal([...got].length, 4);
  });
}

test('two groups with one object: the second is not offered, and nothing of it', async (t) => {
  const server = await servePool(t);
  await using one = await joinApart(server, 'one');
  await using two = await joinApart(server, 'two');
  const first = one.group('a').add('x', ramp(4)).add('y', ramp(4));
  await first.offer();
  const second = two.group('b').add('z', ramp(30_000)).add('y', ramp(4));
  const error = await errorOf(second.offer());
  assert.equal(error.code, 'already-offered');
  assert.match(error.message, /Cannot offer "y": version 1 is offered by one/u);
  assert.deepEqual((await namesOf(two)).sort(), ['a', 'x', 'y']);
  await first.withdraw();
  await second.offer({ keep: true });
  await second.dispose();
  assert.deepEqual((await namesOf(two)).sort(), ['b', 'y', 'z']);
  assert.equal(await codeOf(two.delete('y')), 'object-depended-on');
  await two.unkeep('b');
  assert.deepEqual(await namesOf(two), []);
});

test('a producer that dies before its group is offered leaves nothing of it', async (t) => {
  const server = await servePool(t);
  await using view = await joinApart(server, 'view');
  const wanted = view.group('step');
  await wanted.require();
  await using guard = await view.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true },
    select: 'name = "u"',
  });
  const child = new Program(t, 'grouper', server.address);
  const held = await guard.wait();
  assert.equal(held?.name, 'u');
  await using gone = await view.subscribe({ kinds: 'crash' });
  child.kill('SIGKILL');
  assert.equal((await gone.wait())?.member, 'grouper');
  const names = (await namesOf(view)).filter((name) => name !== 'step');
  assert.deepEqual(names, []);
  assert.equal(await codeOf(wanted.demand({ timeoutMs: 20 })), 'deadline-passed');
  // Another one makes the same step.
  await using model = await joinApart(server, 'model');
  const demand = wanted.demand();
  const offered = model.group('step').add('t', ramp(2)).add('u', ramp(2)).offer();
  assert.equal((await guard.wait())?.kind, 'cancelled');
  const again = await guard.wait();
  assert.ok(again !== null);
  guard.acknowledge(again);
  await offered;
  assert.equal((await demand).views.size, 2);
});

test('a veto of one of a group names it, and the group can be offered later', async (t) => {
  const server = await servePool(t);
  await using guard = await joinApart(server, 'guard');
  await using contract = await guard.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true },
    select: '.dtype = "float32"',
  });
  await using model = await joinApart(server, 'model');
  const step = model.group('step').add('t', ramp(2)).add('u', ramp(30_000));
  const offered = errorOf(step.offer());
  for (let count = 0; count < 2; count++) {
    const event = await contract.wait();
    assert.ok(event !== null);
    if (event.name === 'u') await contract.veto(event, 'it has NaN');
    else contract.acknowledge(event);
  }
  const error = await offered;
  assert.equal(error.code, 'vetoed');
  assert.match(error.message, /guard has vetoed "u": it has NaN/u);
  await contract.close();
  await step.offer();
  await step.withdraw();
});

test('what a group does not take', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const group = pool.group('g').add('a');
  assert.throws(() => group.add('a'), { code: 'wrong-state' });
  assert.throws(() => group.add('g'), { code: 'wrong-state' });
  assert.throws(() => pool.group('h', { attributes: { '.depends-on': 'x' } }), {
    code: 'bad-argument',
  });
  assert.equal(await codeOf(group.demand()), 'wrong-state');
  await group.seal();
  assert.throws(() => group.add('b'), { code: 'wrong-state' });
  await group.offer();
  assert.equal(await codeOf(group.dispose()), 'wrong-state');
  await group.withdraw();
  await pool.put('x', ramp(4));
  assert.equal(await codeOf(pool.group('x').demand()), 'object-mismatch');
  const empty = pool.group('none');
  await empty.offer();
  await using nothing = await pool.group('none').demand();
  assert.equal(nothing.views.size, 0);
  await empty.withdraw();
  const wanted = pool.group('never');
  await wanted.require();
  await wanted.retract();
  const many = pool.group('many');
  assert.throws(
    () => {
      for (let index = 0; index < 2_000; index++) many.add(`${'n'.repeat(40)}${index}`);
    },
    { code: 'too-large' },
  );
});

test('a demand waits until what an object was made of is there, and says what is not', async (t) => {
  const server = await servePool(t);
  await using model = await joinApart(server, 'model');
  await using view = await joinApart(server, 'view');
  await using watch = await view.subscribe({ kinds: 'ready', select: 'name = "plot"' });
  await using _promise = await model.promise({ name: 't' });
  const attributes = { '.depends-on': ['t', 'u'] };
  await model.put('plot', ramp(3), { attributes });
  await model.put('u', ramp(1));
  const early = view.object('plot');
  await early.require({ ready: true });
  const error = await errorOf(early.demand({ timeoutMs: 20 }));
  assert.match(
    error.message,
    /it was not ready within 20 ms; "t" is missing: .* model promised it/u,
  );
  assert.equal((await view.wait('plot')).version, 1);
  const waits = [
    early.demand(),
    view.object('plot').demand({ ready: true }),
    view.demandMany(['u', 'plot'], { ready: true }).then(([, plot]) => plot),
    view.wait('plot', { ready: true }),
  ];
  await model.put('t', ramp(1));
  for (const each of await Promise.all(waits)) assert.equal(each?.name, 'plot');
  assert.equal((await watch.wait())?.kind, 'ready');
  for (const each of await Promise.all(waits)) if (each && 'dispose' in each) await each.dispose();
});

test('a group is ready when what is in it is', async (t) => {
  const server = await servePool(t);
  await using model = await joinApart(server, 'model');
  await using view = await joinApart(server, 'view');
  const wanted = view.group('step');
  await wanted.require({ ready: true });
  const step = model.group('step').add('t', ramp(2));
  step.add('mean', ramp(1), { attributes: { '.depends-on': 'input' } });
  await step.offer();
  assert.equal(await codeOf(wanted.demand({ timeoutMs: 20 })), 'deadline-passed');
  await model.put('input', ramp(1));
  await using got = await wanted.demand();
  assert.deepEqual([...got.views.keys()], ['t', 'mean']);
  await step.withdraw();
});

async function namesOf(pool: Pool): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of pool.query('.bytes >= 0')) names.push(name);
  return names;
}
