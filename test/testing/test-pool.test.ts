import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';

test('testPool serves programs under test and leaves nothing behind', async () => {
  const pool = await testPool();
  const directory = dirname(pool.address.slice('unix:'.length));
  const member = await join({ address: pool.address, member: 'tested' });
  await member.put('answer', new Float64Array([42]));
  const answer = await member.object('answer').demand({ timeoutMs: 10_000 });
  const values = new Float64Array(answer.copy().buffer);
  assert.equal(values[0], 42);
  await answer.dispose();
  await member.leave();
  await pool.close();
  await pool.close();
  assert.equal(existsSync(directory), false);
});
