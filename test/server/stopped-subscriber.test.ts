import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { Program } from '../client/support/process.js';
import { Child } from './child.js';
import { scratch } from './pool-fixture.js';

const MiB = 1 << 20;

/** What a process has of the host's memory. */
function residentBytes(pid: number | undefined): number {
  const found = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1_024;
}

test('a subscriber that is stopped costs the manager what one may owe, and goes on', {
  skip: process.platform === 'linux' ? false : 'how much memory a process has is read in /proc',
}, async (t) => {
  const address = `unix:${await scratch(t)}/socket`;
  const options = JSON.stringify({ address, name: 'test', memoryBytes: 32 * MiB });
  const manager = new Child(t, './serve-child.js', [options], 'ready');
  await manager.line('{');
  const count = 128;
  // Of the first ones of each, as to read all of them takes long.
  const watcher = new Program(t, 'watcher', address, '256', '8');
  await watcher.line('subscribed');
  await using pool = await join({ address, member: 'producer' });
  watcher.kill('SIGSTOP');
  const before = residentBytes(manager.process.pid);
  // 1 GiB, if all of it were written.
  const text = 'x'.repeat(32 * 1_024);
  for (let index = 0; index < count; index++) await pool.emit('tick', { index, text });
  const grown = residentBytes(manager.process.pid) - before;
  assert.ok(grown < 160 * MiB, `the manager has grown by ${Math.round(grown / MiB)} MiB`);
  watcher.kill('SIGCONT');
  await watcher.line('told all');
  assert.deepEqual(watcher.lines, ['subscribed', 'told all']);
});
