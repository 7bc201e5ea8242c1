import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { locate } from '../../src/cli/pool/located.js';
import { joinPool as joinAsCommand } from '../../src/cli/pool/open.js';
import { writeObject } from '../../src/cli/pool/sink.js';
import { Store } from '../../src/cli/pool/store.js';
import { Transfer } from '../../src/cli/transfer.js';
import { connect, join as joinPool } from '../../src/client/index.js';
import { npyHeader } from '../../src/formats/npy/header.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, shell, startAttacca, untilDemanded } from './command.js';

const random = (size: number): Buffer => randomFillSync(Buffer.alloc(size));

test('files of any size come back byte for byte', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  for (const size of [0, 1, 16 * 1024 + 1, 5_000_001]) {
    const name = `bytes-${size}`;
    const bytes = random(size);
    await writeFile(join(directory, name), bytes);
    const put = await attacca(['put', name], { pool: pool.address, directory });
    assert.deepEqual([put.code, put.out, put.err], [0, '', '']);
    const got = await attacca(['get', name], { pool: pool.address });
    assert.equal(got.code, 0, got.err);
    assert.ok(got.bytes.equals(bytes), `${size} bytes`);
  }
  assert.equal((await attacca(['members', '--json'], { pool: pool.address })).out, '');
});

test('the same without shared memory, over the socket', async (t) => {
  await using pool = await testPool({ shm: false });
  const directory = await filesOf(t);
  const bytes = random(3_000_000);
  await writeFile(join(directory, 'x'), bytes);
  assert.equal((await attacca(['put', 'x'], { pool: pool.address, directory })).code, 0);
  const got = await attacca(['get', 'x'], { pool: pool.address });
  assert.ok(got.bytes.equals(bytes), got.err);
});

test('names: of the file, of one own, with = in them, for standard input', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await mkdir(join(directory, 'sub'));
  for (const file of ['plain', 'sub/inner.txt', 'step=6', 'data']) {
    await writeFile(join(directory, file), file);
  }
  const put = await attacca(
    ['put', 'plain', 'sub/inner.txt', 'step=6', 't/850/step=6=data', '--json'],
    around,
  );
  assert.equal(put.code, 0, put.err);
  assert.deepEqual(
    jsonLines(put.out)
      .map(({ name, bytes }) => [name, bytes])
      .sort(),
    [
      ['inner.txt', 13],
      ['plain', 5],
      ['step=6', 6],
      ['t/850/step=6', 4],
    ],
  );
  await attacca(['put', '--name', 'from stdin', '-'], { ...around, input: 'some text' });
  assert.equal((await attacca(['get', 'from stdin'], around)).out, 'some text');
  assert.equal((await attacca(['get', 't/850/step=6'], around)).out, 'data');
  const listed = await attacca(['put', '-'], { ...around, input: 'again=data\nsub/inner.txt\n' });
  assert.equal(listed.code, 1, 'inner.txt is offered already');
  assert.match(listed.err, /"inner.txt".*\(already-offered\)\n$/u);
  assert.equal((await attacca(['get', 'again'], around)).out, 'data');
});

test('names that a shell or a terminal would trip over', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await writeFile(join(directory, 'data'), 'bytes');
  const names = [
    'with\nnewline',
    `'single' "double" \`back\` $HOME \\`,
    '-starts-with-a-dash',
    '😀'.repeat(1_000),
    'שלום\u202eabc',
    '\u001b[31mred',
    ' ',
    'toString',
    '{}',
    '*',
  ];
  const input = names.map((name) => `${name}=data\0`).join('');
  const put = await attacca(['put', '-0', '-'], { ...around, input });
  assert.equal(put.code, 0, put.err);
  const list = await attacca(['ls', '-0'], around);
  assert.deepEqual(list.out.split('\0').filter(Boolean).sort(), [...names].sort());
  const [got, known, one, table] = await Promise.all([
    attacca(['get', '-0', '-', '--attributes'], { ...around, input: list.bytes }),
    attacca(['stat', '-0', '-', '--json'], { ...around, input: names.join('\0') }),
    attacca(['get', '--', names[2] ?? ''], around),
    attacca(['ls', '-l'], around),
  ]);
  assert.equal(jsonLines(got.out).length, names.length, got.err);
  assert.deepEqual(
    jsonLines(known.out).map(({ name }) => name),
    names,
  );
  assert.equal(one.out, 'bytes');
  assert.equal(table.out.trimEnd().split('\n').length, names.length + 1);
  assert.ok(!table.out.includes('\u001b') && !table.out.includes('\u202e'));
});

test('a name that is none is refused by its rule', async () => {
  await using pool = await testPool();
  for (const name of ['', 'x'.repeat(1_001)]) {
    const { code, err } = await attacca(['get', '--', name], { pool: pool.address });
    assert.equal(code, 1);
    assert.match(err, /\(bad-name\)\n$/u);
  }
});

test('an npy file gives its space, and comes back as numpy wrote it', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  const space = { dtype: 'float32', shape: [3, 4], order: 'column', byteOrder: 'big' } as const;
  const data = random(48);
  const file = Buffer.concat([npyHeader(space), data]);
  await writeFile(join(directory, 't850.npy'), file);
  const put = await attacca(
    ['put', 't850.npy', '-a', 'param=t', '-a', 'level=850', '-a', 'x:float=2', '-a', 'y:str=7'],
    around,
  );
  assert.equal(put.code, 0, put.err);
  const [known] = jsonLines((await attacca(['stat', 't850', '--json'], around)).out);
  assert.deepEqual(
    [known?.['dtype'], known?.['shape'], known?.['order'], known?.['byteOrder'], known?.['bytes']],
    ['float32', [3, 4], 'column', 'big', 48],
  );
  assert.deepEqual(known?.['attributes'], { param: 't', level: 850, x: 2, y: '7' });
  const [raw, npy, saved] = await Promise.all([
    attacca(['get', 't850'], around),
    attacca(['get', 't850', '--as', 'npy'], around),
    attacca(['get', 't850', '-o', 'copy.npy'], around),
  ]);
  assert.ok(raw.bytes.equals(data));
  assert.ok(npy.bytes.equals(file));
  assert.equal(saved.code, 0);
  assert.ok((await readFile(join(directory, 'copy.npy'))).equals(file));
  const piped = await attacca(['put', '--name', 'piped', '--as', 'npy', '-'], {
    ...around,
    input: file,
  });
  assert.equal(piped.code, 0, piped.err);
  assert.ok((await attacca(['get', 'piped', '--as', 'npy'], around)).bytes.equals(file));
});

test('structs: of an npy file, and of bytes that are said to be some', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  const dtype = '{x:float32@0,"a b":string[3]@4,id:int64@8;16}';
  const space = { dtype, shape: [4], order: 'row', byteOrder: 'big' } as const;
  const data = random(64);
  const file = Buffer.concat([npyHeader(space), data]);
  await writeFile(join(directory, 'p.npy'), file);
  assert.equal((await attacca(['put', 'p.npy'], around)).code, 0);
  assert.ok((await attacca(['get', 'p', '--as', 'npy'], around)).bytes.equals(file));
  const [stat] = jsonLines((await attacca(['stat', 'p', '--json'], around)).out);
  assert.deepEqual([stat?.['dtype'], stat?.['shape'], stat?.['bytes']], [dtype, [4], 64]);
  assert.ok((await attacca(['stat', 'p'], around)).out.includes(`${dtype}, `));

  const put = (text: string, ...more: string[]) =>
    attacca(['put', '--name', 'q', '--dtype', text, ...more, '-'], { ...around, input: data });
  assert.equal((await put('{x:float32, n:int32}')).code, 0);
  const [known] = jsonLines((await attacca(['stat', 'q', '--json'], around)).out);
  assert.deepEqual([known?.['dtype'], known?.['shape']], ['{x:float32@0,n:int32@4;8}', [8]]);
  for (const [text, pattern] of [
    ['{x:float31}', /is not known \(bad-space\)/u],
    ['string[7]', /no multiple of 7 bytes/u],
  ] as const) {
    const { code, err } = await put(text, '--replace');
    assert.equal(code, 1, err);
    assert.match(err, pattern);
  }
  assert.equal((await put('int8', '--as', 'npy')).code, 2);
});

test('a bad npy file is refused, and nothing is offered beside it', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  const space = { dtype: 'int16', shape: [10], order: 'row', byteOrder: 'little' } as const;
  const good = Buffer.concat([npyHeader(space), random(20)]);
  await writeFile(join(directory, 'good.npy'), good);
  const bad = {
    'short.npy': [good.subarray(0, 100), /cut off|ends within/u],
    'long.npy': [Buffer.concat([good, good]), /behind its array/u],
    'text.npy': [Buffer.from('not an array'), /does not begin/u],
    'empty.npy': [Buffer.alloc(0), /does not begin/u],
  } as const;
  for (const [name, [bytes, why]] of Object.entries(bad)) {
    await writeFile(join(directory, name), bytes);
    const { code, err } = await attacca(['put', 'good.npy', name], around);
    assert.equal(code, 1);
    assert.match(err, why);
    assert.match(err, /\(not-a-npy-file\)\n$/u);
  }
  assert.equal((await attacca(['ls'], around)).out, '');
});

test('a file that cannot be put is named, before anything is offered', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await writeFile(join(directory, 'good'), 'x');
  const missing = await attacca(['put', 'good', 'missing'], around);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /Cannot read "missing": there is no such file.*\(file-error\)\n$/u);
  const folder = await attacca(['put', 'good', '.'], around);
  assert.equal(folder.code, 2);
  assert.equal((await attacca(['ls'], around)).out, '');
});

test('the same name twice is refused, --replace makes the next version', async () => {
  await using pool = await testPool();
  const put = (text: string, ...options: string[]) =>
    attacca(['put', '--name', 'x', '-', ...options], { pool: pool.address, input: text });
  assert.equal((await put('one', '--replace')).code, 0, 'there is nothing to replace');
  const twice = await put('two');
  assert.equal(twice.code, 1);
  assert.match(twice.err, /version 1 is offered by put\[0\] \(already-offered\)\n$/u);
  assert.equal((await put('three', '--replace')).code, 0);
  const got = await attacca(['get', 'x', '--attributes'], { pool: pool.address });
  assert.equal(jsonLines(got.out)[0]?.['version'], 2);
});

test('an offer that makes no sense is refused before what it would replace is withdrawn', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address, input: 'one' };
  assert.equal((await attacca(['put', '--name', 'x', '-'], around)).code, 0);
  const again = ['put', '--name', 'x', '-', '--replace', '--lifetime', '0'];
  const { code, err } = await attacca(again, around);
  assert.equal(code, 2);
  assert.match(err, /"--lifetime" needs at least 1ms, not "0"/u);
  const { signal } = new AbortController();
  const context = { command: 'put', environment: {}, signal };
  const { session, seat } = await joinAsCommand(context, { pool: pool.address });
  await using _session = session;
  await using store = new Store(seat);
  const object = { name: 'x', space: {}, attributes: {} };
  const options = { replace: true, lifetimeMs: 0 };
  await assert.rejects(store.putBytes(object, [Buffer.from('two')], options), RangeError);
  assert.equal((await attacca(['get', 'x'], { pool: pool.address })).out, 'one');
});

test('output that cannot be written is told in words', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('needs /dev/full');
  await using pool = await testPool();
  const around = { pool: pool.address };
  await attacca(['put', '--name', 'x', '-'], { ...around, input: 'bytes' });
  for (const words of ['get x', 'ls', 'stat x']) {
    const { code, err } = await shell(`attacca ${words} > /dev/full`, around).ended;
    assert.equal(code, 1);
    const why = 'Cannot write to standard output: no space is left on the device (file-error)';
    assert.equal(err, `attacca ${words.split(' ')[0]}: ${why}\n`);
  }
});

test('a file that has content although its size is 0 is read to its end', async (t) => {
  if (!existsSync('/proc/self/mountinfo')) return t.skip('needs /proc');
  await using pool = await testPool();
  const around = { pool: pool.address };
  const put = await attacca(['put', 'c=/proc/version', '/proc/cpuinfo', '--json'], around);
  assert.equal(put.code, 0, put.err);
  const [got, facts] = await Promise.all([
    attacca(['get', 'c'], around),
    attacca(['get', 'cpuinfo'], around),
  ]);
  assert.equal(got.out, await readFile('/proc/version', 'utf8'));
  assert.match(facts.out, /^processor/mu);
  assert.ok(jsonLines(put.out).every(({ bytes }) => Number(bytes) > 0));
});

test('an offer with a lifetime ends by itself', async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  await attacca(['put', '--name', 'x', '--lifetime', '50ms', '-'], { pool: pool.address });
  for (;;) {
    const known = await view.stat('x').catch(() => null);
    if (known === null || known['state'] !== 'offered') break;
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('get waits for an object that is put later', async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  const got = startAttacca(['get', 'late'], { pool: pool.address });
  await untilDemanded(view, 'late');
  await attacca(['put', '--name', 'late', '-'], { pool: pool.address, input: 'here' });
  assert.equal((await got.ended).out, 'here');
});

test('a wait in vain ends with exit code 3, and says for whom it waited', async () => {
  await using pool = await testPool();
  await using member = await joinPool({ address: pool.address, member: 'model[0]' });
  const promise = await member.promise('t/*');
  const late = await attacca(['get', 't/1', '--timeout', '100ms'], { pool: pool.address });
  assert.equal(late.code, 3);
  assert.match(late.err, /^attacca get: Cannot demand "t\/1": .*model\[0\] promised it/u);
  assert.match(late.err, /\(deadline-passed\)\n$/u);
  await promise.close();
  const never = await attacca(['wait', 't/2', '--timeout', 'none'], { pool: pool.address });
  assert.equal(never.code, 3);
  assert.match(never.err, /\(nobody-will-offer\)\n$/u);
});

test('Ctrl-C ends a wait at once, as a shell counts it, and takes the require back', async (t) => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  const directory = await filesOf(t);
  for (const args of [
    ['get', 'x', '-o', 'x'],
    ['get', 'x', '-d', '.'],
    ['wait', 'x'],
  ]) {
    const running = startAttacca(args, { pool: pool.address, directory });
    await untilDemanded(view, 'x');
    running.process.kill('SIGINT');
    const { signal, out, err } = await running.ended;
    assert.equal(signal, 'SIGINT', 'a loop of a shell ends too');
    assert.deepEqual([out, err], ['', '']);
    await assert.rejects(view.explain('x'), { code: 'unknown-object' });
    assert.deepEqual(await readdir(directory), []);
  }
  const counted = shell('attacca wait x & sleep_pid=$!; wait $sleep_pid; echo $?', {
    pool: pool.address,
  });
  await untilDemanded(view, 'x');
  const members = await view.members();
  const pid = members.find(({ name }) => name === 'wait[0]')?.['pid'];
  process.kill(Number(pid), 'SIGTERM');
  assert.match((await counted.ended).out, /143/u);
});

test('the bytes of a transfer are told with how many are expected, if that is known', () => {
  const transfer = new Transfer();
  transfer.add(1_536);
  assert.equal(transfer.text, '1.5 KiB so far');
  transfer.expect(3 * 1024 ** 3);
  transfer.add(2 * 1024 ** 3 - 1_536);
  assert.equal(transfer.text, '2.0 GiB of 3.0 GiB');
});

test('what is put and what is got is counted as it goes', async () => {
  await using pool = await testPool();
  const context = { command: 'test', environment: {}, signal: new AbortController().signal };
  const { session, seat } = await joinAsCommand(context, { pool: pool.address });
  await using _session = session;
  await using store = new Store(seat);
  for (const size of [5, 40_000_000]) {
    const counts: number[] = [];
    const onBytes = (bytes: number): unknown => counts.push(bytes);
    const object = { name: `x${size}`, space: {}, attributes: {} };
    await store.putBytes(object, [Buffer.alloc(size)], { onBytes });
    const located = await locate(seat, object.name, {});
    await using sink = await open('/dev/null', 'w');
    await writeObject(sink.fd, located, { format: 'raw', signal: context.signal, onBytes });
    located.release();
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      2 * size,
    );
    assert.ok(counts.every((count) => count <= 16 * 1024 * 1024));
  }
});

test('the reader of a pipe may leave early: no message, exit code of SIGPIPE', async () => {
  await using pool = await testPool();
  const put = await attacca(['put', '--name', 'big', '-'], {
    pool: pool.address,
    input: random(4_000_000),
  });
  assert.equal(put.code, 0, put.err);
  const { out, err } = await shell(
    '{ attacca get big; echo "code $?" >&2; } | head -c 5 >/dev/null; ' +
      '{ attacca ls -l; echo "code $?" >&2; } | true',
    { pool: pool.address },
  ).ended;
  assert.equal(out, '');
  assert.match(err, /^code 141\ncode (?:0|141)\n$/u);
});

test('files: whole or not at all, directories by name, none outside', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await using member = await joinPool({ address: pool.address, member: 'test' });
  for (const name of ['a', 't/850/step=6', '../out', 't//x', '/etc/x', 't/.']) {
    await member.put(name, Buffer.from(name));
  }
  const good = await attacca(['get', 'a', 't/850/step=6', '-d', 'new/dir'], around);
  assert.equal(good.code, 0, good.err);
  assert.equal(await readFile(join(directory, 'new/dir/t/850/step=6'), 'utf8'), 't/850/step=6');
  for (const name of ['../out', 't//x', '/etc/x', 't/.']) {
    const { code, err } = await attacca(['get', name, '-d', 'new'], around);
    assert.equal(code, 1);
    assert.match(err, /its name is no path; use -o FILE \(bad-name\)\n$/u);
  }
  assert.equal((await attacca(['get', '../out', '-o', 'saved'], around)).code, 0);
  assert.equal(await readFile(join(directory, 'saved'), 'utf8'), '../out');

  const missing = await attacca(['get', 'a', '-o', 'no/such/dir'], around);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /Cannot write "no\/such\/dir": there is no such file/u);
  assert.equal((await attacca(['get', 'a', '-o', '.'], around)).code, 1);
  await symlink('saved', join(directory, 'link'));
  assert.equal((await attacca(['get', 'a', '-o', 'link'], around)).code, 0);
  assert.equal(await readFile(join(directory, 'saved'), 'utf8'), 'a');
  assert.equal((await attacca(['get', 'a', '-o', '/dev/null'], around)).code, 0);
  assert.ok((await stat('/dev/null')).isCharacterDevice());
  assert.deepEqual((await readdir(directory)).sort(), ['link', 'new', 'saved']);
});

test('10,000 names on standard input: one start, one connection', async (t) => {
  await using pool = await testPool();
  await using member = await joinPool({ address: pool.address, member: 'test' });
  const names = Array.from({ length: 10_000 }, (_, index) => `o/${index}`);
  await member.offerMany(
    names.map((name) => ({ name, data: Buffer.from(name) })),
    { keep: true },
  );
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory, input: `${names.join('\n')}\n` };
  const waited = await attacca(['wait', '-'], around);
  assert.deepEqual([waited.code, waited.out, waited.err], [0, '', '']);
  const known = await attacca(['stat', '-', '--json'], around);
  assert.deepEqual(
    jsonLines(known.out).map(({ name }) => name),
    names,
  );
  const got = await attacca(['get', '-', '-d', '.'], around);
  assert.equal(got.code, 0, got.err);
  assert.equal((await readdir(join(directory, 'o'))).length, names.length);
  assert.equal(await readFile(join(directory, 'o/9999'), 'utf8'), 'o/9999');
  assert.equal((await attacca(['withdraw', '-'], around)).code, 0);
  assert.equal((await attacca(['ls'], around)).out, '');
  const gone = await attacca(['stat', '-'], around);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /\.\.\. and 9980 more\n$/u);
});

test('a region is got as numpy indexes it, of a whole object and of one in parts', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await using member = await joinPool({ address: pool.address, member: 'writer' });
  const space = { dtype: 'uint8', shape: [3, 4] } as const;
  const values = Uint8Array.from({ length: 12 }, (_, at) => at);
  await member.put('whole', values, { space });
  const parts = member.object('parts', { space });
  parts.region([0, null]).write(values.slice(0, 4));
  parts.region([[1, 3], null]).write(values.slice(4));
  await parts.offer({ keep: true });
  for (const name of ['whole', 'parts']) {
    const cut = await attacca(['get', name, '--region', '0:2,1:4:2'], around);
    assert.deepEqual([cut.code, [...cut.bytes]], [0, [1, 3, 5, 7]], cut.err);
    const list = await attacca(['get', name, '--region', ':,[0, 3]', '-o', 'cut.npy'], around);
    assert.equal(list.code, 0, list.err);
    const npy = await readFile(join(directory, 'cut.npy'));
    const header = npyHeader({ dtype: 'uint8', shape: [3, 2], order: 'row', byteOrder: 'little' });
    assert.ok(npy.equals(Buffer.concat([header, Buffer.of(0, 3, 4, 7, 8, 11)])));
    const all = await attacca(['get', name], around);
    assert.deepEqual([...all.bytes], [...values]);
    const beyond = await attacca(['get', name, '--region', '0:4,:'], around);
    assert.equal(beyond.code, 1);
    assert.match(beyond.err, /dimension 0 goes from 0 to 2, not 0 to 3 \(bad-region\)/u);
  }
  const wrong = await attacca(['get', 'whole', '--region', '1:,x'], around);
  assert.deepEqual([wrong.code, /"x" is no axis/u.test(wrong.err)], [2, true]);
});
