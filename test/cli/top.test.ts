import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join, type Pool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, attaccaPath, filesOf, jsonLines, startAttacca, startProgram } from './command.js';
import { noTerminal } from './terminal.js';

/** Somebody who waits, one who is behind, and one who does something until it is told. */
async function busyPool(address: string) {
  const model = await join({ address, member: 'model[0]' });
  const waiter = await join({ address, member: 'waiter' });
  const wait = waiter.object('never').demand();
  wait.catch(() => {});
  const slow = await waiter.subscribe({ kinds: 'tick', acknowledge: true, window: 1 });
  await model.put('x', new Float64Array(100_000));
  let isOver = false;
  const ticking = (async () => {
    for (let n = 0; !isOver; n++) await model.emit('tick', { n });
  })();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await ticking;
      await slow.close();
      await waiter.close();
      await model.close();
    },
  };
}

/** A terminal of some size on which `top` runs. */
function onTerminal(pool: string, size: string, ...more: readonly string[]) {
  const words = [process.execPath, attaccaPath, 'top', '--interval', '50ms', ...more];
  const command = `stty ${size}; ${words.map((word) => `'${word}'`).join(' ')}`;
  return startProgram('script', ['-qec', command, '/dev/null'], { pool, input: null });
}

/** The screens that were shown, without what moves the cursor and makes letters dim. */
function screensOf(out: string): string[][] {
  return out
    .split('\u001b[H')
    .slice(1)
    .map((screen) =>
      (screen.split('\u001b[J')[0] ?? '')
        .split('\n')
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals are told
        .map((line) => line.replace(/\u001b\[[\d;?]*[A-Za-z]|\r/gu, '')),
    );
}

test('one look has rates, members, waits with their reasons, and who is behind', async () => {
  await using server = await testPool();
  await using _busy = await busyPool(server.address);
  const around = { pool: server.address };
  const { code, out, err } = await attacca(['top', '--once', '--interval', '200ms'], around);
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^\w+ {2}up .* {2}2 members {2}1 wait\n/u);
  assert.match(
    out,
    /^a second: [1-9][\d.]* operations {2}[1-9][\d.]* events {2}\+0 objects {2}\+0 B$/mu,
  );
  assert.match(out, /^memory: 781\.3 KiB offered/mu);
  assert.match(out, /^waiter +never +.*offer/mu);
  assert.match(out, /^waiter +\d.* [1-9]\d* +1 +0 {2}tick/mu);
  assert.match(out, /^model\[0\] +1 +781\.3 KiB/mu);
});

test('looks as JSON have counters that grow, and rates of them', async () => {
  await using server = await testPool();
  await using _busy = await busyPool(server.address);
  const around = { pool: server.address };
  const line = ['top', '--json', '--interval', '100ms', '--count', '3'];
  const { code, out } = await attacca(line, around);
  assert.equal(code, 0);
  const looks = jsonLines(out) as {
    rates: { events: number };
    counters: { events: number };
    members: { name: string }[];
  }[];
  assert.equal(looks.length, 3);
  for (const [index, look] of looks.entries()) {
    assert.ok(look.rates.events > 0);
    const before = looks[index - 1]?.counters.events ?? 0;
    assert.ok(look.counters.events > before);
    assert.deepEqual(look.members.map(({ name }) => name).sort(), ['model[0]', 'waiter']);
  }
  for (const [wrong, said] of [
    [['top', '--interval', '1ms'], /"--interval" is at least 50ms/u],
    [['top', '--count', '0'], /"--count" needs a whole number/u],
  ] as const) {
    const refused = await attacca([...wrong], around);
    assert.equal(refused.code, 2);
    assert.match(refused.err, said);
  }
});

test('it ends by a signal, and when the pool is gone', async () => {
  const server = await testPool();
  const around = { pool: server.address };
  const watching = startAttacca(['top', '--interval', '50ms'], around);
  await watching.said(/a second/u);
  watching.process.kill('SIGINT');
  assert.equal((await watching.ended).signal, 'SIGINT');
  const left = startAttacca(['top', '--interval', '50ms'], around);
  await left.said(/a second/u);
  await server.close();
  const { code, err } = await left.ended;
  assert.equal(code, 4, err);
});

async function fill(pool: Pool, count: number): Promise<Pool[]> {
  const names = Array.from({ length: count }, (_, index) => `component-with-a-name[${index}]`);
  return await Promise.all(names.map((name) => pool.member(name)));
}

test('a screen fits its terminal, wide and narrow', {
  skip: noTerminal,
}, async () => {
  await using server = await testPool();
  await using _busy = await busyPool(server.address);
  await using pool = await join({ address: server.address, member: 'many' });
  await fill(pool, 30);
  for (const [size, columns, rows] of [
    ['cols 120 rows 40', 120, 40],
    ['cols 24 rows 9', 24, 9],
    ['cols 60 rows 3', 60, 3],
  ] as const) {
    const running = onTerminal(server.address, size);
    await running.said(/(?:a second[\s\S]*?){3}/u);
    running.process.stdin?.write('q');
    const { code, out } = await running.ended;
    assert.equal(code, 0);
    assert.ok(out.includes('\u001b[?1049h') && out.endsWith('\u001b[?25h\u001b[?1049l'));
    for (const screen of screensOf(out)) {
      assert.ok(screen.length <= rows, `${screen.length} rows of ${rows}`);
      for (const line of screen) assert.ok(line.length <= columns, line);
    }
    assert.ok(screensOf(out).length >= 3);
  }
});

test('a terminal that is made smaller is filled anew', { skip: noTerminal }, async (t) => {
  await using server = await testPool();
  const directory = await filesOf(t);
  const words = [process.execPath, attaccaPath, 'top', '--interval', '1h'];
  const command = words.map((word) => `'${word}'`).join(' ');
  const later = '(read word < go; stty -F "$T" cols 20 rows 2) &';
  const script = `mkfifo go; T=$(tty); stty cols 80 rows 24; ${later} ${command}`;
  const around = { pool: server.address, input: null, directory };
  const running = startProgram('script', ['-qec', script, '/dev/null'], around);
  await running.said(/a second/u);
  await writeFile(joinPath(directory, 'go'), 'now\n');
  // stty says columns and rows one after the other: it is the last screen that counts.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals are told
  await running.said(/\u001b\[H(?:(?!\u001b\[J)[^\n])*\n(?:(?!\u001b\[J)[^\n])*\u001b\[J/u);
  running.process.stdin?.write('q');
  const { out } = await running.ended;
  const last = screensOf(out).at(-1) ?? [];
  assert.equal(last.length, 2);
  for (const line of last) assert.ok(line.length <= 20, line);
});

test('Ctrl-C ends a screen, and the terminal is as it was', { skip: noTerminal }, async () => {
  await using server = await testPool();
  const running = onTerminal(server.address, 'cols 80 rows 24');
  await running.said(/a second/u);
  running.process.stdin?.write('x\u0003');
  const { code, out } = await running.ended;
  assert.equal(code, 130);
  assert.ok(out.endsWith('\u001b[?25h\u001b[?1049l'));
});
