import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../tidy/sources.js';

function sim(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const command = [join(ROOT, 'scripts/sim.mjs'), ...args];
  return spawnSync(process.execPath, command, { encoding: 'utf8' });
}

const WRONG: readonly (readonly string[])[] = [
  ['--tick', '5'],
  ['foo'],
  ['--ticks', '-3'],
  ['--ticks=-3'],
  ['--ticks', '99999999999999999999'],
  ['--seed'],
  ['--seed', 'x'],
  ['--seed', '1', '--seed', '2'],
  ['--seed', '1', '--for', '1s'],
  ['--seeds', '10..1'],
  ['--seeds', '1..2..3'],
  ['--for', '1d'],
  ['--for', '0s'],
  ['--trace'],
  ['--mostly', 'nothing'],
];

for (const args of WRONG) {
  test(`npm run sim -- ${args.join(' ')}: one line says what is wrong`, () => {
    const { status, stdout, stderr } = sim(...args);
    assert.match(stderr, /^sim: [^\n]+\n$/);
    assert.equal(stdout, '');
    assert.equal(status, 2);
  });
}

test('what was tried is said at the end', () => {
  const one = sim('--seeds', '7..8', '--ticks', '20');
  assert.match(one.stdout, /^sim: 2 seeds hold \(7\.\.8\), \d+ events, \d+ seeds a minute\n$/);
  assert.equal(one.status, 0);
  const random = sim('--for', '1s', '--ticks', '20');
  assert.match(random.stdout, /^sim: \d+ seeds? holds? \(random ones below \d+\), /);
});
