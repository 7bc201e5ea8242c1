import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { filesOf, startAttacca } from './command.js';

test('Ctrl-C while the pool cannot be reached ends a conductor, with what it knows', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const directory = await filesOf(t);
  const around = { pool: kept.address, directory };
  await using member = await join({ address: kept.address, member: 'm', reconnectMs: 1 });
  const archiver = startAttacca(['archiver', 'true', '--to', 'store'], around);
  await archiver.complained(/stores to/u);
  await member.put('x', new Float64Array(1));
  await archiver.said(/^x$/mu);
  const all = [
    archiver,
    startAttacca(['checkpoint', '--to', 'steps'], around),
    startAttacca(['librarian', '--from', 'store'], around),
    startAttacca(['when', 'true', '--as', 'each', '--', 'echo', 'ran {name}'], around),
    startAttacca(['watch', '.', '--glob', 'none'], around),
  ];
  t.after(() => all.forEach((each) => void each.process.kill('SIGKILL')));
  const [, checkpoint, librarian, when, watch] = all;
  await checkpoint?.complained(/stores to/u);
  await librarian?.complained(/looks into/u);
  await when?.said(/^ran x$/mu);
  await when?.complained(/done in/u);
  await watch?.complained(/watches/u);
  await kept.kill();
  for (const each of all) each.process.kill('SIGINT');
  const ends = await Promise.all(all.map(({ ended }) => ended));
  const said = [
    /stored 1 object/u,
    /stored 0 steps/u,
    /offered 0 objects/u,
    /version 1: done in/u,
    /offered 0/u,
  ];
  for (const [index, { signal, err }] of ends.entries()) {
    assert.equal(signal, 'SIGINT', err);
    assert.match(err, said[index] as RegExp);
    assert.match(err, /the pool cannot be reached: it has not heard of the end\n$/u);
  }
});
