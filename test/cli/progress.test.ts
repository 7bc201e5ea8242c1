import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { waitLine } from '../../src/cli/wait-line.js';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';

/** A program that waits for two hours of a clock of its own; its standard error is a pipe. */
const PROGRAM = `
  const timers = [];
  globalThis.setTimeout = (run, ms) => {
    const timer = { run, ms, unref() {} };
    timers.push(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
  };
  const { Progress } = await import(process.argv[1]);
  const progress = new Progress(() => 'waiting for "x"', process.argv[2] === 'quiet');
  let passed = 0;
  while (timers.length > 0 && passed + timers[0].ms <= 7_200_000) {
    const { run, ms } = timers.shift();
    passed += ms;
    process.stderr.write(passed / 60_000 + ' min: ');
    run();
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress.end();
`;

function said(mode: string): string {
  const module = new URL('../../src/cli/progress.js', import.meta.url).href;
  const words = ['--input-type=module', '-e', PROGRAM, module, mode];
  const { stderr, status } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stderr;
}

test('a long wait makes lines in a log, ever more seldom; with -q none', () => {
  const line = 'waiting for "x"\n';
  const at = [1, 2, 4, 8, 16, 32, 64];
  assert.equal(said('loud'), at.map((minute) => `${minute} min: ${line}`).join(''));
  assert.equal(said('quiet'), '');
});

test('what is there is not waited for: it is got', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'p' });
  const line = (...names: string[]): Promise<string> =>
    waitLine(member, new Set(names), 2_000, names.length);
  await member.put('a', new Uint8Array(1));
  assert.equal(await line('a', 'b'), '2.0 s: getting "a" and 1 other');
  // Required, and there: what is demanded of it is answered at once.
  const required = member.object('a');
  await required.require();
  assert.equal(await line('a'), '2.0 s: getting "a"');
  const ended = new AbortController();
  const coming = member.object('b').demand({ signal: ended.signal });
  const said = await line('b', 'a');
  assert.match(
    said,
    /^waiting 2\.0 s for "b" and 1 other: it is not offered; nobody has promised/u,
  );
  ended.abort();
  await assert.rejects(coming, { code: 'aborted' });
});
