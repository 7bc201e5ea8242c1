import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { join } from '../../src/client/index.js';
import { AttaccaError } from '../../src/core/errors.js';
import { outsideReport } from '../../src/server/crash-report.js';
import { type PoolServer, serve } from '../../src/server/index.js';
import { SERVER_LIMITS } from '../../src/server/limits.js';
import { scratch } from './pool-fixture.js';

/** Puts objects until the pool ends; the names of those that were acknowledged. */
async function putUntilItEnds({ address }: PoolServer): Promise<string[]> {
  const pool = await join({ address, member: 'm', reconnectMs: 1 });
  const names: string[] = [];
  const attributes = { long: 'x'.repeat(50_000) };
  try {
    for (let each = 0; each < 1_000; each++) {
      await pool.put(`o/${each}`, Uint8Array.of(1), { attributes, keep: true });
      names.push(`o/${each}`);
    }
  } catch (error) {
    assert.equal((error as AttaccaError).code, 'connection-lost');
  }
  await pool.close().catch(() => {});
  return names;
}

/** What happens to the next segment, and what is said of it. */
const STORIES: readonly (readonly [happen: (path: string) => Promise<unknown>, said: RegExp])[] = [
  [
    async (path) => rm(path),
    /Cannot write ".*\/spare": there is no such file .*\(file-error, ENOENT\)/u,
  ],
  [
    async (path) => rm(path).then(() => mkdir(path)),
    /Cannot write ".*\/spare": it is a directory \(file-error, EISDIR\)/u,
  ],
  [
    async (path) => rm(path).then(() => writeFile(path, new Uint8Array(1 << 24))),
    /Cannot rename ".*\/spare": somebody has put another file in its place/u,
  ],
];

/** Serves with the same place and files. */
async function served(t: TestContext, directory: string): Promise<PoolServer> {
  const server = await serve({
    address: `unix:${directory}/place/socket`,
    data: joinPath(directory, 'kept'),
    name: 'kept',
    shm: false,
    memoryBytes: 16 << 20,
    segmentBytes: SERVER_LIMITS.segmentBytesMin,
  });
  t.after(() => server.close());
  return server;
}

/** Waits until the next segment is ready. */
async function spareOf(directory: string): Promise<string> {
  const data = joinPath(directory, 'kept');
  while (!(await readdir(data)).includes('spare')) await new Promise(setImmediate);
  return joinPath(data, 'spare');
}

for (const [index, [happen, expected]] of STORIES.entries()) {
  test(`the next segment is not what was made (${index}): no fault of ours, all is kept`, async (t) => {
    const directory = await scratch(t);
    const server = await served(t, directory);
    const said: string[] = [];
    t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
    // The one that takes the first record is begun with it.
    const pool = await join({ address: server.address, member: 'first', reconnectMs: 2 });
    await pool.put('first', Uint8Array.of(1), { keep: true });
    await happen(await spareOf(directory));
    const names = await putUntilItEnds(server);
    const end = await server.closed;
    t.mock.restoreAll();
    assert.ok(end.kind === 'crashed' && end.report === null);
    const text = said.join('');
    assert.match(
      text,
      /^Attacca stopped the pool "kept", as its journal could not be written, at /u,
    );
    assert.match(text, expected);
    assert.match(text, /All that was acknowledged is kept in ".*\/kept"/u);
    assert.doesNotMatch(text, /fault of its own|\n {4}at /u);
    await pool.close().catch(() => {});
    await rm(joinPath(directory, 'kept', 'spare'), { recursive: true, force: true });
    const next = await served(t, directory);
    const reader = await join({ address: next.address, member: 'reader', reconnectMs: 3 });
    const there = new Set<string>();
    for await (const name of reader.list()) there.add(name);
    assert.ok(names.length > 100 && names.every((name) => there.has(name)));
    await reader.close();
  });
}

test('what the system refuses is told with its reason and its word, what we did wrong is not', () => {
  const ended = { poolId: 'id', poolName: 'p', software: 'us', data: '/kept' };
  const refusal = (code: 'file-error' | 'disk-full', path: string, system: string): AttaccaError =>
    new AttaccaError(code, `Cannot write "${path}": why`, { path, system });
  for (const system of ['EFBIG', 'EIO', 'EMFILE', 'EISDIR', 'ENOENT']) {
    const text = outsideReport(refusal('file-error', '/kept/spare', system), ended) ?? '';
    assert.match(text, /its journal could not be written/u);
    assert.match(text, new RegExp(`why \\(file-error, ${system}\\)\n`, 'u'));
  }
  const full = outsideReport(refusal('disk-full', '/kept/journal-1', 'ENOSPC'), ended) ?? '';
  assert.match(full, /\(disk-full, ENOSPC\)/u);
  const elsewhere = outsideReport(refusal('file-error', '/kept-2/x', 'EIO'), ended) ?? '';
  assert.match(elsewhere, /the system refused what it needs/u);
  const nowhere = outsideReport(refusal('file-error', '/x', 'EIO'), { ...ended, data: null }) ?? '';
  assert.match(nowhere, /It is kept nowhere: what it held is lost\./u);
  for (const error of [
    new AttaccaError('internal', 'ours'),
    new AttaccaError('journal-damaged', 'ours'),
    new Error('ours'),
    'ours',
  ]) {
    assert.equal(outsideReport(error, ended), null);
  }
});
