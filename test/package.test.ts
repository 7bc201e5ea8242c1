/** The library as a program has it that says `attacca`: bundled, by the package's exports. */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AttaccaError, join, loadSchema } from 'attacca';
import { checkPoolName } from 'attacca/server';
import { openStore } from 'attacca/store';
import { testPool } from 'attacca/testing';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('the entries serve, join and hand over', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'tested' });
  await member.put('mapped', new Float64Array(100_000).fill(42));
  const mapped = await member.object('mapped').demand({ timeoutMs: 10_000 });
  assert.equal(mapped.array.length, 100_000);
  assert.equal(mapped.array[99_999], 42);
  await mapped.dispose();
});

test('the schemas that come with the package are found from where it is installed', async () => {
  assert.equal((await loadSchema('ecmwf-mars')).name, 'ecmwf-mars');
});

test('an error of one entry is an AttaccaError for the others', async () => {
  assert.throws(() => checkPoolName('../no/name'), AttaccaError);
  await assert.rejects(join({ address: 'unix:/nowhere/socket', member: 'm' }), AttaccaError);
  await assert.rejects(openStore('/nowhere/store', { access: 'read' }), AttaccaError);
});

test('the bundle is few files, and takes from elsewhere only Node and koffi', () => {
  const library = joinPath(ROOT, 'dist/lib');
  const files = readdirSync(library);
  assert.ok(files.length < 48, files.join(' '));
  const sources = files.map((file) => readFileSync(joinPath(library, file), 'utf8')).join('\n');
  const froms = [...sources.matchAll(/^(?:import|export)[^'"`]*from "([^"]+)";$/gm)];
  const wanted = new Set(froms.map(([, from]) => from ?? '').filter((from) => from[0] !== '.'));
  assert.ok(wanted.size > 3);
  for (const from of wanted) assert.match(from, /^node:|^koffi$/);
});
