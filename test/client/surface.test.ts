import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as client from '../../src/client/index.js';
import { joinApart, ramp, servePool } from './support/pools.js';

test('the names that the package exports', () => {
  assert.deepEqual(Object.keys(client).sort(), [
    'AttaccaError',
    'ERROR_CODES',
    'Float',
    'RegionTransfer',
    'Schemas',
    'Timestamp',
    'Transforms',
    'coerceAttributes',
    'connect',
    'dealAxis',
    'decodeStrings',
    'defineSchema',
    'encodeStrings',
    'fieldsOf',
    'join',
    'loadSchema',
    'parseSchema',
    'parseTemplate',
    'structOf',
  ]);
});

test('programs without types hear what is wrong with their arguments', async (t) => {
  const server = await servePool(t);
  const anything: (value?: unknown) => never = (value) => value as never;
  for (const wrong of [anything(), anything({}), anything({ member: 7 })]) {
    await assert.rejects(client.join(wrong), { code: 'bad-argument' });
  }
  await using pool = await joinApart(server, 'p');
  for (const space of [{ dtype: 'float99' }, { shape: [-8] }, { shape: [1.5] }, { shape: 7 }]) {
    assert.throws(() => pool.object('x', anything({ space })), { code: 'bad-space' });
  }
});

test('what was delivered and forgotten is told once', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await pool.put('x', ramp(65_536));
  const warned = once(process, 'warning');
  await (async () => {
    for (let index = 0; index < 3; index++) await pool.object('x').demand();
  })();
  let warning: unknown;
  void warned.then(([first]) => {
    warning = first;
  });
  while (warning === undefined) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(warning instanceof Error);
  assert.match(warning.message, /"x" was demanded and never disposed/);
});

test('the example of the front page', async (t) => {
  const server = await servePool(t);
  const former = process.env['ATTACCA_POOL'];
  process.env['ATTACCA_POOL'] = server.address;
  t.after(() => {
    if (former === undefined) delete process.env['ATTACCA_POOL'];
    else process.env['ATTACCA_POOL'] = former;
  });
  const values = ramp(181 * 360);
  await using pool = await client.join({ member: 'model[0]' });
  await using other = await client.join({ member: 'plot' });
  const field = pool.object('t/850/step=6', {
    attributes: { param: 't', level: 850, step: 6 },
    space: { dtype: 'float32', shape: [181, 360] },
  });
  field.array.set(values);
  await field.offer();
  const view = await other.object('t/850/step=6').demand({ timeoutMs: 30_000 });
  assert.deepEqual(view.array.slice(), values);
  await view.dispose();
  await field.withdraw();
  await using looking = await client.connect();
  const names: string[] = [];
  for await (const name of looking.list('*')) names.push(name);
  assert.deepEqual(names, []);
  assert.equal(looking.poolName, 'test');
});
