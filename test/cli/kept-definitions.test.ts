import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { join } from '../../src/client/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { attacca, jsonLines } from './command.js';
import { happenings } from './kept-story.js';

const FIELDS = {
  ...{ 'schema-name': 'fields', 'schema-version': 2, 'schema-namespace': '' },
  attributes: [{ key: 'step', type: 'int()' }],
};

/** A pool in which things were defined, gathered and related, and of which one definition went. */
async function definedStory(t: TestContext): Promise<KeptPool> {
  const kept = await KeptPool.make(t);
  await kept.start();
  {
    await using member = await join({ address: kept.address, member: 'writer' });
    const { catalog } = member;
    await catalog.defineSchema(FIELDS);
    await catalog.defineContainer('run', {
      ...{ attributes: { class: 'od' }, schemas: ['fields'], lifetimeMs: 172_800_000 },
    });
    await catalog.defineCollection('late', { selector: 'step > 120' });
    await catalog.defineCollection('train\u001b[31m');
    await member.put('x', Uint8Array.of(1), { attributes: { '.container': 'run', step: '6' } });
    await catalog.collect('train\u001b[31m', 'step = 6', { dryRun: true });
    await catalog.collect('train\u001b[31m', 'step = 6');
    await catalog.relate('x', 'part-of', 'y');
    await catalog.unrelate('x', 'part-of', 'y');
    await catalog.containers();
    await catalog.deleteCollection('late');
    await member.count('step = 6');
    await member.explainSelector('step = 6');
  }
  await kept.kill();
  return kept;
}

test('log tells what was defined, and what was gathered where', async (t) => {
  const kept = await definedStory(t);
  const result = await attacca(['log', kept.data]);
  const said = happenings(result).map((line) => line.replace(/^s\d+ writer /u, ''));
  for (const line of [
    'define schema "fields", version 2, 1 key -> ok',
    'define container "run", class=od, schemas fields, for 2 d -> ok',
    'define collection "late", where step > 120 -> ok',
    'define collection "train\\u001b[31m", a list -> ok',
    'gather "train\\u001b[31m" into .collections, where step = 6, to see what it would do -> ok',
    'gather "train\\u001b[31m" into .collections, where step = 6 -> ok',
    'gather "y" into .part-of, where name = "x" -> ok',
    'gather "y" out of .part-of, where name = "x" -> ok',
    'definitions all containers -> ok',
    'definitions collection "late" -> ok',
    'define collection "late", taken away -> ok',
    'count where step = 6 -> ok',
    'explain where step = 6 -> ok',
  ]) {
    assert.ok(said.includes(line), `${line} in\n${said.join('\n')}`);
  }
  assert.doesNotMatch(result.out, /(?!\n)\p{Cc}/u, 'nothing moves the cursor');
  const rows = jsonLines((await attacca(['log', kept.data, '--json'])).out);
  const fieldsOf = (what: string): unknown => rows.find((row) => row['what'] === what)?.['fields'];
  assert.deepEqual(fieldsOf('define'), { define: 'schema', name: 'fields', definition: FIELDS });
  assert.deepEqual(fieldsOf('gather'), {
    ...{ selector: 'step = 6', of: '.collections', value: 'train\u001b[31m' },
    ...{ dry: true, removes: false },
  });
});

test('replay shows the definitions that there were', async (t) => {
  const kept = await definedStory(t);
  const rows = jsonLines((await attacca(['log', kept.data, '--json'])).out);
  const gathered = rows.filter(({ what }) => what === 'gather')[1]?.['record'];
  const [end, before, json] = await Promise.all([
    attacca(['replay', kept.data]),
    attacca(['replay', kept.data, '--until', String(gathered)]),
    attacca(['replay', kept.data, '--json']),
  ]);
  assert.match(
    end.out,
    /\n\nschemas\nNAME .*\nfields +2 +1\n\ncontainers\nNAME .*\nrun +1 +class/u,
  );
  assert.match(end.out, /\n\ncollections\nNAME .*\ntrain\\u001b\[31m +1 +-\n/u);
  assert.doesNotMatch(end.out, /^late/mu);
  assert.match(before.out, /^late +- +step > 120$/mu);
  const kinds = jsonLines(json.out).map(({ kind, name }) => [kind, name]);
  assert.deepEqual(kinds.slice(1, 5), [
    ['schema', 'fields'],
    ['container', 'run'],
    ['collection', 'train\u001b[31m'],
    ['object', 'x'],
  ]);
});
