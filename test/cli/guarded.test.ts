// Commands that change all that a selector selects, beside programs that guard some of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, jsonLines, startAttacca } from './command.js';

test('what is removed by a selector waits for who steps, and stays when one of it is forbidden', async (t) => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, input: null };
  for (const step of [0, 1, 2]) {
    const attributes = { step };
    await model.put(`t/${step}`, new Uint8Array(1), { keep: true, attributes });
  }
  const stepping = startAttacca(['step', 'delete', 'withdraw', 'tag', '-w', 'step > 0'], around);
  t.after(() => stepping.process.kill('SIGKILL'));
  await new Promise((resolve) => stepping.process.stderr?.once('data', resolve));
  // One that is dry waits for nobody.
  const dry = await attacca(['rm', '-w', 'has step', '--dry-run'], around);
  assert.equal(dry.code, 0, dry.err);
  const removing = startAttacca(['rm', '-w', 'has step', '--yes'], around);
  await stepping.said(/before delete {2}"t\/1" version 1 {2}by rm\[0\]/u);
  const explained = await attacca(['explain', 't/2', '--json'], around);
  const { waits } = jsonLines(explained.out)[0] as { waits: { [key: string]: unknown }[] };
  assert.match(String(waits[0]?.['because']), /^its endSelected waits for step/u);
  stepping.process.stdin?.write('\n');
  await stepping.said(/before delete {2}"t\/2"/u);
  assert.equal(await model.count('has step'), 3);
  stepping.process.stdin?.write('v t/2 is needed\n');
  const removed = await removing.ended;
  assert.equal(removed.code, 1);
  assert.match(removed.err, /t\/2 is needed/u);
  assert.equal(await model.count('has step'), 3, 'nothing is done');
  // All that it still is goes on with the end of who steps; what has come meanwhile stays.
  const tagging = startAttacca(['tag', '-w', 'has step', '-s', 'seen=true', '--yes'], around);
  await stepping.said(/before tag {2}"t\/1"/u);
  await model.put('t/3', new Uint8Array(1), { keep: true, attributes: { step: 3 } });
  stepping.process.stdin?.write('q\n');
  const tagged = await tagging.ended;
  assert.equal(tagged.code, 0, tagged.err);
  assert.equal(await model.count('seen = true'), 3);
});
