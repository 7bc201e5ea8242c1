import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  ownIdentity,
  type ProcessTable,
  parseProcStat,
  processAlive,
} from '../../src/levels/process-identity.js';

test('the own process is alive', () => {
  assert.equal(processAlive(ownIdentity()), 'alive');
});

test('the same pid with another start time is another process', () => {
  assert.equal(processAlive({ ...ownIdentity(), startTime: '1' }), 'dead');
});

test('a process that has ended is dead, also while it is a zombie', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()']);
  const identity = { ...ownIdentity(), pid: child.pid ?? -1, startTime: '1' };
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.equal(processAlive(identity), 'dead');
  const fields = Array.from({ length: 50 }, () => '0').join(' ');
  assert.equal(parseProcStat(`12 (a) Z ${fields}`)?.state, 'Z');
});

test('who is elsewhere is unknown, who ran before a reboot is dead', () => {
  const here = ownIdentity();
  const table: ProcessTable = { startTimeOf: () => ({ kind: 'gone' }) };
  const judge = (change: Partial<typeof here>): string =>
    processAlive({ ...here, ...change }, { ...here, bootId: 'b', pidNamespace: 'n' }, table);
  const same = { bootId: 'b', pidNamespace: 'n' };
  assert.equal(judge(same), 'dead');
  assert.equal(judge({ ...same, pidNamespace: 'other' }), 'unknown');
  assert.equal(judge({ ...same, pidNamespace: null }), 'unknown');
  assert.equal(judge({ ...same, bootId: 'before' }), 'dead');
  assert.equal(judge({ ...same, bootId: 'other', hostname: 'other' }), 'unknown');
  assert.equal(judge({ ...same, bootId: null }), 'unknown');
  // A container of the same host has its own host name and the same boot id.
  assert.equal(judge({ ...same, hostname: 'container' }), 'dead');
});

test('what may not be asked is unknown', () => {
  const here = ownIdentity();
  const secretive: ProcessTable = { startTimeOf: () => ({ kind: 'unknown' }) };
  const running: ProcessTable = {
    startTimeOf: () => ({ kind: 'running', startTime: '5' }),
  };
  assert.equal(processAlive(here, here, secretive), 'unknown');
  assert.equal(processAlive({ ...here, startTime: null }, here, running), 'unknown');
  assert.equal(processAlive({ ...here, startTime: '5' }, here, running), 'alive');
  assert.equal(processAlive({ ...here, startTime: '4' }, here, running), 'dead');
});

test('a name with blanks and parentheses does not shift the fields of /proc/PID/stat', () => {
  const fields = Array.from({ length: 40 }, (_, index) => String(index + 4)).join(' ');
  assert.deepEqual(parseProcStat(`7 (evil) S 22) R ${fields}`), { state: 'R', startTime: '22' });
  assert.equal(parseProcStat(''), null);
  assert.equal(parseProcStat('7 (short) R 1 2'), null);
});
