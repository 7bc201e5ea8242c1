import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { waitLine } from '../../src/cli/wait-line.js';
import type { PoolView } from '../../src/client/index.js';

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
  const line = async (told: object): Promise<string> => {
    const view = { explain: async () => told } as unknown as PoolView;
    return await waitLine(view, new Set(['a', 'b']), 2_000, 3);
  };
  assert.equal(await line({ state: 'offered', waits: [] }), '2.0 s: getting "a" and 1 other');
  assert.equal(await line({ state: 'declared', waits: [] }), 'waiting 2.0 s for "a" and 1 other');
  const waits = [{ because: 'nobody has promised it' }];
  const why = 'waiting 2.0 s for "a" and 1 other: nobody has promised it';
  assert.equal(await line({ state: 'declared', waits }), why);
});
