import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { describe, test } from 'node:test';
import { join } from '../../src/client/index.js';
import { codeOf, joinApart, ramp, servePool } from './support/pools.js';

const LARGE = 65_536;

describe('ways to the bytes', () => {
  test('without shared memory all goes over the socket, and says so', async (t) => {
    const server = await servePool(t, { shm: false });
    await using pool = await joinApart(server, 'p');
    assert.equal(pool.transport, 'socket');
    assert.match(pool.transportReason, /no shared memory/);
    assert.equal(pool.slabsDirectory, null);
    const field = pool.object('x', { space: { dtype: 'float32', shape: [LARGE] } });
    await field.allocate();
    field.array.set(ramp(LARGE));
    await field.offer();
    await using view = await pool.object('x', { space: { dtype: 'float32' } }).demand();
    assert.equal(view.array[LARGE - 1], LARGE - 1);
    const insisting = joinApart(server, 'q', { transport: 'shared-memory' });
    assert.equal(await codeOf(insisting), 'mapping-unavailable');
  });

  test('a slab that cannot be opened: the socket takes over, with the reason', async (t) => {
    const server = await servePool(t);
    await using producer = await joinApart(server, 'p');
    await producer.put('x', ramp(LARGE));
    await using pool = await joinApart(server, 'q');
    assert.equal(pool.transport, 'shared-memory');
    const directory = pool.slabsDirectory ?? '';
    await rm(joinPath(directory, 'slab-0'));
    const view = await pool.object('x', { space: { dtype: 'float32' } }).demand();
    assert.equal(view.array[LARGE - 1], LARGE - 1);
    await view.dispose();
    assert.equal(pool.transport, 'socket');
    assert.match(pool.transportReason, /slab-0/);
    const field = pool.object('y', { space: { dtype: 'float32', shape: [LARGE] } });
    field.array.fill(4);
    await field.offer();
    await using own = await producer.object('y', { space: { dtype: 'float32' } }).demand();
    assert.equal(own.array[7], 4);
  });

  test('by TCP, with a token, over either way', async (t) => {
    const server = await servePool(t, { listen: 'tcp://127.0.0.1:0', token: 'a secret of ours' });
    const tcp = server.addresses.find((address) => address.startsWith('tcp:')) ?? '';
    assert.equal(await codeOf(join({ address: tcp, member: 'x' })), 'wrong-token');
    const address = `${tcp}?token=a%20secret%20of%20ours`;
    await using mapped = await join({ address, member: 'mapped' });
    await using moved = await join({ address, member: 'moved', transport: 'socket' });
    assert.equal(mapped.transport, 'shared-memory');
    await mapped.put('x', ramp(LARGE));
    await moved.put('y', ramp(LARGE, 1));
    await using x = await moved.object('x', { space: { dtype: 'float32' } }).demand();
    await using y = await mapped.object('y', { space: { dtype: 'float32' } }).demand();
    assert.equal(x.array[9], 9);
    assert.equal(y.array[9], 10);
  });

  test('a word that is none names those that are', async (t) => {
    const server = await servePool(t);
    const former = process.env['ATTACCA_TRANSPORT'];
    t.after(() => {
      if (former === undefined) delete process.env['ATTACCA_TRANSPORT'];
      else process.env['ATTACCA_TRANSPORT'] = former;
    });
    process.env['ATTACCA_TRANSPORT'] = 'pigeon';
    assert.equal(await codeOf(joinApart(server, 'p')), 'bad-argument');
    process.env['ATTACCA_TRANSPORT'] = 'socket';
    await using pool = await joinApart(server, 'p');
    assert.equal(pool.transport, 'socket');
    await using other = await joinApart(server, 'q', { transport: 'shared-memory' });
    assert.equal(other.transport, 'shared-memory');
  });
});
