import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import type { ValueMap } from '../../src/core/value.js';
import { readMap, writeMap } from '../../src/core/value-codec.js';
import { poolInfoOf, processInfoOf } from '../../src/protocol/index.js';

/** The map as it comes by the wire. */
function sent(map: ValueMap): ValueMap {
  const w = new Writer();
  writeMap(w, map);
  return readMap(new Reader(w.written()));
}

const processInfo = {
  client: 'attacca 0.1.0',
  host: 'node-17',
  pid: 4_242,
  startTime: 123_456_789,
  bootId: 'b',
  pidNamespace: 'pid:[4026531836]',
  command: 'model',
};

const poolInfo = {
  software: 'attacca 0.1.0',
  addresses: ['unix:/run/x/socket'],
  bootId: 'b',
  slabs: '/dev/shm/x',
  data: ['tcp://h:1'],
  pid: 1,
  kept: true,
  keptIn: '/data/x',
  sync: true,
  upMs: 5_000,
  limits: { frameBytesMax: 4_194_304 },
};

test('a process and a pool come back as they were', () => {
  assert.deepEqual(processInfoOf(sent(processInfo)), processInfo);
  const { limits, ...rest } = poolInfoOf(sent(poolInfo));
  assert.deepEqual({ ...rest, limits: { ...limits } }, poolInfo);
});

test('what is absent or of another type is empty', () => {
  const nothing = {
    client: '',
    host: '',
    pid: 0,
    startTime: 0,
    bootId: '',
    pidNamespace: '',
    command: '',
  };
  assert.deepEqual(processInfoOf(sent({})), nothing);
  assert.deepEqual(processInfoOf(sent({ pid: '1', host: 7, startTime: 2n ** 60n })), nothing);
  const pool = poolInfoOf(sent({ data: [1, 'a'], limits: [2], pid: null }));
  assert.deepEqual([pool.data, { ...pool.limits }, pool.pid, pool.kept], [['a'], {}, 0, false]);
  assert.deepEqual(poolInfoOf(sent({ data: 'a' })).data, []);
});
