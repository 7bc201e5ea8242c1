import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { connect, join } from '../../src/client/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { attacca, filesOf, jsonLines, type Result, shell } from './command.js';
import { copyOf, happenings, keptStory } from './kept-story.js';

/** The path of the first segment, and its last byte that is not zero: one record ends with it. */
async function firstSegment(directory: string): Promise<{ path: string; end: number }> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('journal-')).sort();
  const path = joinPath(directory, names[0] ?? '');
  const bytes = await readFile(path);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return { path, end };
}

test('each operation is a line, with names, sizes, and how it ended', async (t) => {
  const kept = await keptStory(t);
  const before = await readdir(kept.data);
  const result = await attacca(['log', kept.data]);
  assert.deepEqual([result.code, result.err], [0, '']);
  const said = happenings(result);
  const has = (pattern: RegExp): void => {
    assert.ok(
      said.some((line) => pattern.test(line)),
      `${pattern} in\n${result.out}`,
    );
  };
  has(/^s1 writer session opened: .*, pid \d+ on \S+$|^s1 session opened: .*, pid \d+ on \S+$/u);
  has(/^s1 writer join -> ok$/u);
  has(/^slab 0 of \d+\.\d MiB is ready$|^ slab 0 of \d+\.\d MiB is ready$/u);
  has(/^s1 writer declare "x" float32, 2 x 3, param=t level=850 -> ok$/u);
  has(/^s1 writer offer "x" 24 B in the message, kept -> ok$/u);
  has(/^s1 writer offer "x" .*-> already-offered$/u);
  has(/^s1 writer declare "wild\\u001b\[31m\\nname" .*-> ok$/u);
  has(/^s1 writer demand "x" .*-> version 1, 24 B$/u);
  has(/^s1 writer demand "never" within 8 m 20 s -> waits$/u);
  assert.doesNotMatch(result.out, /(?!\n)\p{Cc}/u, 'nothing moves the cursor');
  assert.deepEqual(await readdir(kept.data), before, 'nothing is changed');
});

test('--object and --member, --from and --until leave out what was not asked for', async (t) => {
  const kept = await keptStory(t);
  await kept.start();
  const other = await join({ address: kept.address, member: 'other', reconnectMs: 2 });
  await other.promise('ne*');
  await other.put('never', Uint8Array.of(1, 2, 3));
  await kept.kill();
  const [object, member, all] = await Promise.all([
    attacca(['log', kept.data, '--object', 'never']),
    attacca(['log', kept.data, '--member', 'other', '--json']),
    attacca(['log', kept.data, '--json']),
  ]);
  t.after(() => other.close().catch(() => {}));
  const said = happenings(object);
  assert.match(said[0] ?? '', /^s1 writer declare "never"/u);
  assert.ok(said.some((line) => line.includes('restart: another manager goes on')));
  assert.ok(said.some((line) => /^s\d+ other promise "ne\*" -> ok$/u.test(line)));
  assert.ok(said.every((line) => !line.includes('"x"')));
  const late = said.find((line) => line.includes('answer to'));
  assert.match(late ?? '', /^s1 writer answer to demand "never" of record \d+ -> version 1, 3 B$/u);
  const who = jsonLines(member.out).map(({ members }) => JSON.stringify(members));
  assert.deepEqual([...new Set(who)], ['["other"]']);
  const names = ['--object', 'nevr', '--member', 'othr'];
  const unknown = await attacca(['log', kept.data, ...names]);
  const missed = 'no record names the object "nevr"\nno record names the member "othr"\n';
  assert.deepEqual([unknown.code, unknown.err], [0, missed]);
  assert.deepEqual([object.err, member.err], ['', '']);
  const rows = jsonLines(all.out);
  const last = Number(rows.at(-1)?.['record']);
  const some = await attacca(['log', kept.data, '--json', '--from', '3', '--until', `${last - 2}`]);
  const numbers = jsonLines(some.out).map(({ record }) => Number(record));
  assert.ok(Math.min(...numbers) >= 3 && Math.max(...numbers) <= last - 2);
  const between = rows.filter(({ record }) => Number(record) >= 3 && Number(record) <= last - 2);
  assert.deepEqual(jsonLines(some.out), between);
  const beyond = await attacca(['log', kept.data, '--from', `${last + 1}`]);
  assert.equal(beyond.code, 1);
  assert.match(beyond.err, /the last one is \d+ \(bad-argument\)\n$/u);
});

test('a served pool is read while it is written to, and goes on', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await join({ address: kept.address, member: 'busy', reconnectMs: 60_000 });
  let isDone = false;
  const busy = (async () => {
    for (let round = 0; !isDone; round++) await pool.put(`n/${round}`, Uint8Array.of(1));
    return await pool.stat('n/0');
  })();
  for (let count = 0; count < 5; count++) {
    const result = await attacca(['log', kept.data, '--json', '-q']);
    assert.deepEqual([result.code, result.err], [0, '']);
    const offers = jsonLines(result.out).filter(({ what }) => what === 'offer');
    // The last one may not have had its turn.
    assert.ok(offers.slice(0, -1).every(({ outcome }) => outcome === 'ok'));
    // Without a hole: each is there, in order.
    assert.deepEqual(
      offers.map(({ object }) => object),
      offers.map((_, index) => `n/${index}`),
    );
  }
  isDone = true;
  assert.equal((await busy)['name'], 'n/0');
});

test('behind a snapshot the names are known, and before it nothing is any more', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  for (let life = 0; life < 3; life++) {
    await using view = await connect({ address: kept.address, reconnectMs: 10 + life });
    await using pool = await join({
      address: kept.address,
      member: 'keeper',
      reconnectMs: 20 + life,
    });
    await pool.put(`kept/${life}`, Uint8Array.of(life));
    await view.stat('kept/0');
    await pool.close();
    await view.close();
    assert.equal(await kept.stop(), 0);
    await kept.start();
  }
  await kept.kill();
  const [all, early] = await Promise.all([
    attacca(['log', kept.data]),
    attacca(['log', kept.data, '--from', '1']),
  ]);
  assert.equal(all.code, 0, all.err);
  const begin = /^the records begin with (\d+): what happened before is not kept any more\n$/u;
  const first = Number(begin.exec(all.err)?.[1]);
  assert.ok(first > 1, all.err);
  const some = await attacca(['log', kept.data, '--from', String(first)]);
  assert.deepEqual([some.err, some.out], ['', all.out], 'who names the begin knows it');
  assert.equal((await attacca(['log', kept.data, '-q'])).err, '');
  const said = happenings(all).join('\n');
  assert.match(said, /keeper offer "kept\/2" .*-> ok/u);
  assert.doesNotMatch(said, /offer "kept\/0"/u);
  assert.equal(early.code, 1);
  assert.match(early.err, /records are kept from \d+ on, .*\(bad-argument\)\n$/u);
});

test('what a crash left at the end is no error; damage before it is, behind all that is whole', async (t) => {
  const kept = await keptStory(t);
  // What came last of a journal that is cut may not have had its turn.
  const asked = (result: Result): string[] =>
    happenings(result).map((line) => line.replace(/ -> .*$/u, ''));
  const whole = asked(await attacca(['log', kept.data]));

  const cut = await copyOf(t, kept);
  const { path, end } = await firstSegment(cut);
  const torn = await readFile(path);
  await writeFile(path, torn.fill(0, end - 3, end));
  const shorter = await attacca(['log', cut]);
  assert.equal(shorter.code, 0, shorter.err);
  assert.match(shorter.err, /^behind record \d+ there are \d+ B that are not whole: /u);
  const left = asked(shorter);
  assert.ok(left.length < whole.length && left.length > 3);
  assert.deepEqual(left, whole.slice(0, left.length));

  const garbage = await copyOf(t, kept);
  const { path: long, end: used } = await firstSegment(garbage);
  await truncate(long, used + 16);
  await appendFile(long, Buffer.alloc(3_000, 0xa5));
  const same = await attacca(['log', garbage]);
  assert.equal(same.code, 0, same.err);
  assert.deepEqual(asked(same), whole);

  const flipped = await copyOf(t, kept);
  const middle = await firstSegment(flipped);
  const bytes = await readFile(middle.path);
  const at = bytes.indexOf('wild');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
  await writeFile(middle.path, bytes);
  for (const json of [[], ['--json']]) {
    const damaged = await attacca(['log', flipped, ...json]);
    assert.equal(damaged.code, 1);
    assert.match(damaged.err, /journal-damaged/u);
    assert.match(
      damaged.err,
      /from byte \d+ on: a record is damaged; records \d+ to \d+ are lost/u,
    );
    if (json.length > 0) continue;
    const some = asked(damaged);
    assert.ok(some.length > 0 && some.length < whole.length);
    assert.deepEqual(some, whole.slice(0, some.length));
  }
});

test('a directory without a journal is refused, and left as it is', async (t) => {
  const directory = await filesOf(t);
  const empty = joinPath(directory, 'empty');
  await mkdir(empty);
  const foreign = joinPath(directory, 'foreign');
  await mkdir(foreign);
  await writeFile(joinPath(foreign, 'journal-notes.txt'), 'nothing');
  const named = joinPath(directory, 'named');
  await mkdir(named);
  await writeFile(joinPath(named, 'journal-0000000000000001'), 'no journal either');
  const file = joinPath(directory, 'file');
  await writeFile(file, '');
  for (const path of [empty, foreign, named, file, joinPath(directory, 'none')]) {
    for (const command of ['log', 'replay']) {
      const result = await attacca([command, path]);
      assert.deepEqual([result.code, result.out], [1, ''], `${command} ${path}`);
      assert.match(result.err, /^attacca \w+: Cannot .* \((?:file-error|journal-damaged)\)\n$/u);
    }
  }
  assert.deepEqual(await readdir(empty), []);
  assert.equal((await stat(file)).size, 0);
});

test('a reader that has seen enough ends it without a word', async (t) => {
  const kept = await keptStory(t);
  const script = `attacca log '${kept.data}' | head -n 1; attacca log '${kept.data}' --json | head -n 1`;
  const { out, err, code } = await shell(script).ended;
  assert.deepEqual([code, err], [0, '']);
  assert.equal(out.split('\n').length, 3);
});
