import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, attaccaPath, jsonLines, startAttacca, startProgram } from './command.js';
import { noTerminal } from './terminal.js';

const ready = (running: ReturnType<typeof startAttacca>): Promise<void> =>
  new Promise((resolve) => running.process.stderr?.once('data', () => resolve()));

test('operations go on line by line, are forbidden with a reason, and all at the end', async () => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, input: null };
  const stepping = startAttacca(['step', 'offer', '-w', 'step < 6'], around);
  await ready(stepping);
  await model.put('other', new Uint8Array(1), { attributes: { step: 9 } });
  const put = (step: number): Promise<unknown> =>
    model.put(`t/${step}`, new Uint8Array(1), { attributes: { step } });
  const offers = [0, 1, 2, 3, 4].map(put);
  for (const offer of offers) offer.catch(() => {});
  await stepping.said(/before offer {2}"t\/0" version 1 {2}by model/u);
  assert.equal(await model.count('step < 6'), 0, 'nothing goes on by itself');
  stepping.process.stdin?.write('\n');
  await offers[0];
  await stepping.said(/before offer {2}"t\/1"/u);
  stepping.process.stdin?.write('what\nv has no units\n');
  await assert.rejects(offers[1] ?? Promise.resolve(), {
    code: 'vetoed',
    message: /has no units/u,
  });
  await stepping.said(/before offer {2}"t\/2"/u);
  stepping.process.stdin?.write('c\n');
  await Promise.all(offers.slice(2));
  await put(5);
  stepping.process.kill('SIGTERM');
  const { signal, out } = await stepping.ended;
  assert.equal(signal, 'SIGTERM');
  assert.match(out, /\n {2}vetoed\n/u);
});

test('its end lets all go on: of its input, by a key, and when it is killed', async () => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, input: null };
  for (const [name, end] of [
    ['input', (running: ReturnType<typeof startAttacca>) => running.process.stdin?.end()],
    ['key', (running: ReturnType<typeof startAttacca>) => running.process.stdin?.write('q\n')],
    ['kill', (running: ReturnType<typeof startAttacca>) => running.process.kill('SIGKILL')],
  ] as const) {
    const stepping = startAttacca(['step', 'offer', '--json'], around);
    await ready(stepping);
    const offer = model.put(name, new Uint8Array(1));
    while (!JSON.stringify(await model.explain()).includes('"held"')) await model.info();
    end(stepping);
    await offer;
    const { code } = await stepping.ended;
    assert.equal(code, name === 'kill' ? null : 0);
  }
});

test('lines of a pipe are used one for each operation, and its end is told', async () => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const input = '\nv no units here\nq\n';
  for (const isEnded of [false, true]) {
    const around = { pool: pool.address, input: isEnded ? input.replace('q\n', '') : null };
    const stepping = startAttacca(['step', 'offer', '--json'], around);
    if (!isEnded) stepping.process.stdin?.write(input);
    await ready(stepping);
    await model.put(`a/${isEnded}`, new Uint8Array(1));
    const refused = model.put(`b/${isEnded}`, new Uint8Array(1));
    await assert.rejects(refused, { code: 'vetoed', message: /no units here/u });
    const { code, err } = await stepping.ended;
    assert.equal(code, 0);
    assert.match(err, /a line for each/u);
    assert.equal(/its input has ended: nothing is held/u.test(err), isEnded, err);
    await model.put(`c/${isEnded}`, new Uint8Array(1));
  }
});

test('an operation whose program has gone waits no more', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address, input: null };
  const stepping = startAttacca(['step', 'offer', '--json', '-w', 'name = "x"'], around);
  await ready(stepping);
  const putting = startAttacca(['put', '--name', 'x', '-'], { ...around, input: 'x' });
  await using looking = await join({ address: pool.address, member: 'looking' });
  while (!JSON.stringify(await looking.explain()).includes('"held"')) await looking.info();
  putting.process.kill('SIGKILL');
  const out = await stepping.said(/decided/u);
  assert.deepEqual(
    jsonLines(out).map(({ kind, decided }) => [kind, decided]),
    [['offer', 'cancelled']],
  );
  stepping.process.stdin?.end();
  assert.equal((await stepping.ended).code, 0);
  const wrong = await attacca(['step', 'gap'], { pool: pool.address });
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /it is no kind/u);
});

test('the line of an operation that has ended decides nothing, and not the next one', async () => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const stepping = startAttacca(['step', 'offer'], { pool: pool.address, input: null });
  await ready(stepping);
  const around = { pool: pool.address, input: 'x' };
  const putting = startAttacca(['put', '--name', 'gone', '-'], around);
  await stepping.said(/before offer {2}"gone"/u);
  putting.process.kill('SIGKILL');
  await stepping.said(/cancelled/u);
  const offer = model.put('next', Uint8Array.of(1));
  await stepping.said(/before offer {2}"next"/u);
  stepping.process.stdin?.write('v not this\n');
  await stepping.complained(/"v not this" decides nothing: the offer "gone" .* has ended\n/u);
  stepping.process.stdin?.write('go\n');
  await offer;
  stepping.process.stdin?.end();
  const { code, err } = await stepping.ended;
  assert.equal(code, 0);
  assert.match(err, /1 operation went on, 0 vetoed, 1 cancelled\n/u);
});

test('keys of a terminal: space, v with a reason that is mended, q', {
  skip: noTerminal,
}, async () => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const command = [process.execPath, attaccaPath, 'step', 'offer'].map((word) => `'${word}'`);
  const stepping = startProgram('script', ['-qec', command.join(' '), '/dev/null'], {
    pool: pool.address,
    input: null,
  });
  await stepping.said(/q: quit/u);
  const offers = ['a', 'b', 'c'].map((name) => model.put(name, new Uint8Array(1)));
  for (const offer of offers) offer.catch(() => {});
  await stepping.said(/"a"/u);
  stepping.process.stdin?.write(' ');
  await offers[0];
  await stepping.said(/"b"/u);
  stepping.process.stdin?.write('vno!\u007f\r');
  await assert.rejects(offers[1] ?? Promise.resolve(), { code: 'vetoed', message: /: no$/u });
  await stepping.said(/"c"/u);
  stepping.process.stdin?.write('q');
  await offers[2];
  assert.equal((await stepping.ended).code, 0);
});

test('who joins while that is held says for whom it waits', async () => {
  await using pool = await testPool();
  const stepping = startAttacca(['step', 'join'], { pool: pool.address, input: null });
  await ready(stepping);
  const around = { pool: pool.address };
  const { code, err } = await attacca(['wait', 'x', '--timeout', '200ms'], around);
  assert.equal(code, 3);
  assert.match(err, /Cannot open a session: its join waits for step\[0\], after 200 ms/u);
  stepping.process.kill('SIGTERM');
  await stepping.ended;
});

test('Ctrl-C ends it as any command, and what it holds goes on', { skip: noTerminal }, async () => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const command = [process.execPath, attaccaPath, 'step', 'offer'].map((word) => `'${word}'`);
  const around = { pool: pool.address, input: null };
  for (const typed of ['\u0003', 'vbecause\u0003']) {
    const stepping = startProgram('script', ['-qec', command.join(' '), '/dev/null'], around);
    await stepping.said(/q: quit/u);
    const offer = model.put(`a/${typed.length}`, new Uint8Array(1));
    await stepping.said(/before offer/u);
    stepping.process.stdin?.write(typed);
    await offer;
    assert.equal((await stepping.ended).code, 130);
  }
});
