import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Reader } from '../../src/core/bytes.js';
import {
  Grant,
  MESSAGE,
  readFail,
  readGrant,
  writeAdopt,
  writeReturn,
} from '../../src/protocol/index.js';
import { writePing } from '../protocol/other-side.js';
import { poolOf } from './pool-fixture.js';
import { RawClient } from './raw-client.js';
import { RawDataClient } from './raw-data-client.js';

/** Beyond the first slab, so that there is room for an adopted one. */
const ROOMY = { memoryBytes: 80 * 1024 * 1024 };

test('a file becomes a slab as it is, is read as one, and goes when it is given back', async (t) => {
  const server = await poolOf(t, ROOMY);
  const client = await RawClient.open(server.address);
  const directory = server.memory.directory?.path ?? '';
  const bytes = new Uint8Array(10_000).map((_, at) => at % 253);
  await writeFile(join(directory, 'adopt-me'), bytes, { mode: 0o600 });

  const answer = await client.answer(client.send((w) => writeAdopt(w, 'adopt-me', bytes.length)));
  assert.equal(answer.code, MESSAGE.grant);
  const grant = new Grant();
  readGrant(new Reader(answer.body), grant);
  const slab = `slab-${grant.slab}`;
  assert.ok((await readdir(directory)).includes(slab));
  assert.equal((await readdir(directory)).includes('adopt-me'), false);

  const data = await RawDataClient.open(client, server.token);
  const read = await data.read(grant.slab, grant.offset, bytes.length);
  assert.ok(read instanceof Uint8Array);
  assert.equal(Buffer.compare(read, bytes), 0);

  await client.ok(client.send((w) => writeReturn(w, grant.slab, grant.offset, grant.size)));
  await client.until(() => client.answers.some(({ code }) => code === MESSAGE.slabGone));
  while ((await readdir(directory)).includes(slab)) await client.ok(client.send(writePing));
  assert.deepEqual(await data.read(grant.slab, 0, 10), { code: 'bad-lease' });
});

test('what cannot be adopted is answered with why, and stays', async (t) => {
  const server = await poolOf(t, ROOMY);
  const client = await RawClient.open(server.address);
  const directory = server.memory.directory?.path ?? '';
  await writeFile(join(directory, 'adopt-short'), 'short', { mode: 0o600 });
  const cases: [string, number, string][] = [
    ['adopt-nothing', 5, 'file-error'],
    ['adopt-short', 7, 'size-mismatch'],
  ];
  for (const [file, size, code] of cases) {
    const answer = await client.answer(client.send((w) => writeAdopt(w, file, size)));
    assert.equal(answer.code, MESSAGE.fail, file);
    assert.equal(readFail(new Reader(answer.body)).code, code);
  }
  await client.ok(client.send(writePing));
});
