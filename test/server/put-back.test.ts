import assert from 'node:assert/strict';
import {
  cp,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { HEADER_BYTES } from '../../src/journal/segment.js';
import { serve } from '../../src/server/index.js';
import { codeOf } from '../client/support/pools.js';
import { member, namesOf, SPACE, valueAt } from './kept-members.js';
import { KeptPool } from './kept-pool.js';
import { scratch } from './pool-fixture.js';

/** The file of the journal, of a pool that has one. */
async function journalOf(kept: KeptPool): Promise<string> {
  const name = (await readdir(kept.data)).find((each) => each.startsWith('journal-')) ?? '';
  return joinPath(kept.data, name);
}

/** Turns all bits of a byte of its journal. */
async function flip(kept: KeptPool, offset: number): Promise<void> {
  const file = await open(await journalOf(kept), 'r+');
  const bytes = new Uint8Array(1);
  await file.read(bytes, 0, 1, offset);
  await file.write(Uint8Array.of(~(bytes[0] ?? 0) & 0xff), 0, 1, offset);
  await file.close();
}

/** How far its journal is written. */
async function usedBytes(kept: KeptPool): Promise<number> {
  const bytes = await readFile(await journalOf(kept));
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

test('after a repair no session of before is taken up, and nobody has its secret', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using first = await member(kept, 'first');
  for (let index = 0; index < 20; index++) await first.put(`n/${index}`, Uint8Array.of(index));
  await kept.kill();
  const key = await readFile(joinPath(kept.data, 'session-key'));
  // Within the first records: those behind prove that they were acknowledged.
  await flip(kept, HEADER_BYTES + 900);
  await assert.rejects(kept.start(), /journal-damaged/u);
  await kept.start({ repair: true });
  assert.equal(await codeOf(first.put('more', Uint8Array.of(1))), 'session-unknown');
  assert.notDeepEqual(await readFile(joinPath(kept.data, 'session-key')), key);
  await using anew = await member(kept, 'first');
  await anew.put('more', Uint8Array.of(1));
});

/** Slabs full of what was offered, then freed, and used again. */
async function useAgain(pool: Pool): Promise<void> {
  for (const name of ['old/1', 'old/2']) await pool.delete(name);
  for (let index = 0; index < 4; index++) await keep(pool, `new/${index}`, 7);
}

async function keep(pool: Pool, name: string, value: number): Promise<void> {
  await pool.put(name, new Float64Array(SPACE.shape[0]).fill(value));
}

test('a journal that is put back from a copy: its slabs have other bytes since, and are lost', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using early = await member(kept, 'early');
  for (const name of ['old/1', 'old/2']) await keep(early, name, 3);
  await early.put('small', Uint8Array.of(5));
  await early.leave();
  assert.equal(await kept.stop(), 0);
  await cp(kept.data, `${kept.data}-copy`, { recursive: true, preserveTimestamps: true });
  await kept.start();
  await using late = await member(kept, 'late');
  await useAgain(late);
  await late.leave();
  assert.equal(await kept.stop(), 0);
  await rm(kept.data, { recursive: true });
  await rename(`${kept.data}-copy`, kept.data);
  await assert.rejects(kept.start(), /journal-damaged.*went on up to record/u);
  await kept.start({ repair: true });
  await using reader = await member(kept, 'reader');
  // Its name is free for a new version: nobody gets the bytes of another object.
  assert.deepEqual(await namesOf(reader, 'old/*'), []);
  assert.deepEqual(await namesOf(reader, 'new/*'), []);
  await using small = await reader.object('small').demand();
  assert.equal(small.array[0], 5, 'what lay in the journal is there');
  await keep(reader, 'old/1', 4);
  assert.equal(await valueAt(reader, 'old/1', 100), 4);
});

test('a repair that cuts records after which slabs were used again: what lies in them is lost', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const first = await member(kept, 'first');
  for (const name of ['old/1', 'old/2']) await keep(first, name, 3);
  const before = await usedBytes(kept);
  await useAgain(first);
  await kept.kill();
  await flip(kept, before + 20);
  await assert.rejects(kept.start(), /journal-damaged/u);
  await kept.start({ repair: true });
  assert.equal(await codeOf(first.close()), 'session-unknown');
  await using reader = await member(kept, 'reader');
  assert.deepEqual(await namesOf(reader, '*'), []);
});

test('the end of a journal that is missing is told, also where nothing of it is torn', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const first = await member(kept, 'first');
  await keep(first, 'x', 3);
  await kept.kill();
  for (const name of await readdir(kept.data)) {
    if (name.startsWith('journal-')) await rm(joinPath(kept.data, name));
  }
  await assert.rejects(kept.start(), /journal-damaged.*there is no journal of it/u);
  await kept.start({ repair: true });
  assert.equal(await codeOf(first.close()), 'wrong-pool');
});

test('a repair that is refused changes nothing', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const first = await member(kept, 'first');
  for (let index = 0; index < 20; index++) await first.put(`n/${index}`, Uint8Array.of(index));
  await kept.kill();
  await flip(kept, HEADER_BYTES + 900);
  const before = await readFile(await journalOf(kept));
  await assert.rejects(kept.start({ repair: true, name: 'another' }), /bad-argument/u);
  assert.deepEqual(await readFile(await journalOf(kept)), before);
  // One that ends between the repair and its first record: its sessions have ended all the same.
  const address = `unix:${kept.data}/no/such/place/socket`;
  await assert.rejects(kept.start({ repair: true, address }));
  await assert.rejects(kept.start(), /journal-damaged.*went on up to record/u);
  await kept.start({ repair: true });
  assert.equal(await codeOf(first.close()), 'session-unknown');
  await using anew = await member(kept, 'first');
  await anew.put('more', Uint8Array.of(1));
});

test('sessions end with the key of their secrets: their names are free', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const first = await member(kept, 'first');
  await kept.kill();
  const key = joinPath(kept.data, 'session-key');
  const bytes = await readFile(key);
  bytes[7] = ~(bytes[7] ?? 0) & 0xff;
  await writeFile(key, bytes);
  await kept.start();
  assert.equal(await codeOf(first.close()), 'session-unknown');
  await using anew = await member(kept, 'first');
  await anew.put('more', Uint8Array.of(1));
});

test('a journal that is a link to elsewhere is refused, not passed over', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using first = await member(kept, 'first');
  await keep(first, 'x', 3);
  await kept.kill();
  const journal = await journalOf(kept);
  await rename(journal, `${journal}-elsewhere`);
  await symlink(`${journal}-elsewhere`, journal);
  await assert.rejects(kept.start(), /file-error.*it is no plain file/u);
  await rm(journal);
  await rename(`${journal}-elsewhere`, journal);
  await kept.start();
  assert.equal(await valueAt(first, 'x', 1), 3);
});

test('a directory that is removed under its manager ends it: nobody keeps what it acknowledges', async (t) => {
  const directory = await scratch(t);
  const data = joinPath(directory, 'kept');
  const address = `unix:${directory}/place/socket`;
  const server = await serve({ address, data, memoryBytes: 16 << 20 });
  const first = await member(server, 'first', { reconnectMs: 1 });
  await keep(first, 'x', 3);
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  await rm(data, { recursive: true });
  const end = await server.closed;
  t.mock.restoreAll();
  assert.equal(end.kind, 'crashed');
  assert.match(said.join(''), /was removed while it was in use.*what it held is lost/su);
  await first.close().catch(() => {});
});

test('a directory that is moved under its manager ends it, and is served where it is now', async (t) => {
  const directory = await scratch(t);
  const data = joinPath(directory, 'kept');
  const address = `unix:${directory}/place/socket`;
  const server = await serve({ address, data, memoryBytes: 16 << 20 });
  const first = await member(server, 'first');
  await keep(first, 'x', 3);
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  await rename(data, `${data}-moved`);
  await mkdir(data, { mode: 0o700 });
  const end = await server.closed;
  t.mock.restoreAll();
  assert.equal(end.kind, 'crashed');
  assert.match(said.join(''), /was moved while it was in use.*kept in what was/su);
  await first.close().catch(() => {});
});

test('a copy is found out, too, when nothing lay in slabs and each manager was stopped', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using early = await member(kept, 'early');
  await early.put('small', Uint8Array.of(5));
  await early.leave();
  assert.equal(await kept.stop(), 0);
  await cp(kept.data, `${kept.data}-copy`, { recursive: true });
  await kept.start();
  await using late = await member(kept, 'late');
  await late.put('later', Uint8Array.of(6));
  await late.leave();
  assert.equal(await kept.stop(), 0);
  await rm(kept.data, { recursive: true });
  await rename(`${kept.data}-copy`, kept.data);
  await assert.rejects(kept.start(), /journal-damaged.*went on up to record/u);
});

test('a manager that is killed before it has stamped memory of another life is followed', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const first = await member(kept, 'first');
  await keep(first, 'x', 3);
  await first.delete('x');
  await first.leave();
  await kept.kill();
  await kept.start({ shm: false });
  const second = await member(kept, 'second');
  await second.put('small', Uint8Array.of(5));
  await second.leave();
  await kept.kill();
  // It writes its first record, and stamps nothing.
  await kept.start({ killAtStamp: true }).catch(() => {});
  assert.equal(await kept.exit(), 'SIGKILL');
  await kept.start();
  await using reader = await member(kept, 'reader');
  await using small = await reader.object('small').demand();
  assert.equal(small.array[0], 5);
});

test('a copy is not served while the original is there', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using first = await member(kept, 'first');
  await keep(first, 'x', 3);
  await kept.kill();
  const copy = `${kept.data}-copy`;
  await cp(kept.data, copy, { recursive: true });
  await assert.rejects(kept.start({ data: copy }), /bad-argument.*is a copy of/u);
  await rm(copy, { recursive: true });
  await rename(kept.data, copy);
  await kept.start({ data: copy });
  assert.equal(await valueAt(first, 'x', 1), 3, 'one that was moved is served');
});
