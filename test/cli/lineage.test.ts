import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, shell } from './command.js';

test('lineage tells what was made of what, of programs that know nothing of it', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  const made = await shell(
    `set -e
    printf 'b\\na\\n' | attacca put --name raw -
    attacca exec --in raw --out sorted -- sh -c 'sort {raw} > {sorted}'
    attacca exec --in sorted --out 'n=count of <it>' -- sh -c 'wc -l < {sorted} > n'
    attacca rm sorted`,
    around,
  ).ended;
  assert.equal(made.code, 0, made.err);
  const name = 'count of <it>';
  const [tree, down, json, prov, dot, svg] = await Promise.all([
    attacca(['lineage', name], around),
    attacca(['lineage', 'raw', '--down', '--depth', '1'], around),
    attacca(['lineage', name, '--up', '--json'], around),
    attacca(['lineage', name, '--prov'], around),
    attacca(['lineage', name, '--dot'], around),
    attacca(['lineage', name, '--svg', 'drawing.svg'], around),
  ]);
  assert.match(
    tree.out,
    /^count of <it> v1, 2 B, by \S+, .* ago\nmade by sh -c 'wc -l < \{sorted\} > n' \(process \d+ on /u,
  );
  assert.match(
    tree.out,
    /\n\nMade of\n└─ sorted v1, 4 B, by .* ago, gone\n {3}└─ raw v1, 4 B, by /u,
  );
  assert.match(tree.out, /\n\nNothing was made of it\.\n$/u);
  assert.match(
    down.out,
    /\n\nMade into\n└─ sorted v1, .*\nhanded over to \S+\n\nThere is more fu/u,
  );
  assert.doesNotMatch(down.out, /Made of/u);
  const [answer] = jsonLines(json.out);
  const nodes = answer?.['nodes'] as { readonly [key: string]: unknown }[];
  assert.deepEqual(
    nodes.map((each) => [each['name'], each['state']]),
    [
      [name, 'offered'],
      ['sorted', 'gone'],
      ['raw', 'offered'],
    ],
  );
  const document = jsonLines(prov.out)[0] as { [kind: string]: object };
  assert.equal(Object.keys(document['wasDerivedFrom'] ?? {}).length, 2);
  assert.match(dot.out, /^digraph lineage \{/u);
  assert.deepEqual([svg.code, svg.out], [0, '']);
  const drawing = await readFile(joinPath(directory, 'drawing.svg'), 'utf8');
  assert.match(drawing, /^<svg [^>]*>\n<title>Lineage of count of &lt;it&gt;<\/title>/u);
});

test('lineage: what is unknown, and what is wrong with the command line', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'a' });
  await member.put('x', new Uint8Array(1));
  const around = { pool: pool.address, directory: await filesOf(t) };
  const [unknown, none, depth, two, path] = await Promise.all([
    attacca(['lineage', 'nothing'], around),
    attacca(['lineage'], around),
    attacca(['lineage', 'x', '--depth', 'deep'], around),
    attacca(['lineage', 'x', '--dot', '--prov'], around),
    attacca(['lineage', 'x', '--svg', 'no/such/directory.svg'], around),
  ]);
  assert.equal(unknown.code, 1);
  assert.match(
    unknown.err,
    /Cannot find "nothing": the pool has no such object, and remembers none/u,
  );
  assert.deepEqual([none.code, depth.code, two.code, path.code], [2, 2, 2, 1]);
  assert.match(none.err, /it takes one NAME/u);
  assert.match(depth.err, /"--depth" needs a number of steps from 1 on, not "deep"/u);
  assert.match(two.err, /are one or another/u);
  assert.match(path.err, /Cannot write "no\/such\/directory\.svg": .* \(file-error\)/u);
});
