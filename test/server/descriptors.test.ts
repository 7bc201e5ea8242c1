import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AttaccaError } from '../../src/core/errors.js';
import { FRAME, writeDeclare, writeJoin, writeKey } from '../../src/protocol/index.js';
import { connectionBounds, parseOpenFilesMax } from '../../src/server/descriptors.js';
import { SERVER_LIMITS } from '../../src/server/limits.js';
import { DISK_DESCRIPTORS_MAX, NodeDisk } from '../../src/server/node-disk.js';
import { parseAddress, tokenOf } from '../../src/transport/index.js';
import { writePing } from '../protocol/other-side.js';
import { scratch } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

test('the limit on open files is read as the system writes it', () => {
  const text = 'Max processes   1 2 processes\nMax open files            1024   4096    files\n';
  assert.equal(parseOpenFilesMax(text), 1_024);
  assert.equal(parseOpenFilesMax('Max open files   unlimited  unlimited files\n'), null);
  assert.ok((parseOpenFilesMax(readFileSync('/proc/self/limits', 'utf8')) ?? 0) > 0);
});

test('connections leave the process descriptors of its own', () => {
  for (let most = 0; most < 100_000; most += 37) {
    const { control, data, refused } = connectionBounds(most, 25, false);
    assert.ok(control >= 4 && data >= 4);
    assert.ok(most < 54 || control + data + refused + 25 < most);
    assert.ok(refused >= 2);
  }
  const { connectionsMax, dataConnectionsMax, refusedLinksMax } = SERVER_LIMITS;
  const plenty = { control: connectionsMax, data: dataConnectionsMax, refused: refusedLinksMax };
  assert.deepEqual(connectionBounds(1_000_000, 25, false), plenty);
  assert.deepEqual(connectionBounds(1_000_000, 25, true), plenty);
});

test('a pool that is kept leaves its journal what it needs, or does not begin', () => {
  // The disks of the manager and of the thread that makes snapshots.
  const journal = DISK_DESCRIPTORS_MAX * 2;
  let refusals = 0;
  for (let most = 0; most < 2_000; most++) {
    try {
      const { control, data, refused } = connectionBounds(most, 25, true);
      assert.ok(control >= 4 && data >= 4 && refused >= 2);
      assert.ok(control + data + refused + 25 + 20 + journal < most, String(most));
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      assert.equal(error.code, 'file-error');
      assert.match(error.message, new RegExp(`may have ${most} files open`, 'u'));
      refusals++;
    }
  }
  assert.ok(refusals > 25 + 20 + journal && refusals < 128, String(refusals));
});

/** Files of a directory that this process has open. */
function openIn(directory: string): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // It was that of the listing.
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(directory)).length;
}

test('a disk has few files open, however many it has touched, and goes on with each', async (t) => {
  const directory = await scratch(t);
  const disk = new NodeDisk(directory);
  const names = Array.from({ length: 40 }, (_, each) => `f${each}`);
  for (const name of names) {
    await disk.create(name, 4_096);
    await disk.write(name, 0, Buffer.from(name), true);
    assert.ok(openIn(directory) <= DISK_DESCRIPTORS_MAX);
  }
  // All at once, with the calls under way that a file must stay open for; half of them unsynced.
  await Promise.all(
    names.map((name, each) => disk.write(name, 8, Buffer.from(name), each % 2 > 0)),
  );
  for (const name of names) {
    await disk.write(name, 0, new Uint8Array(0), true);
    const bytes = new Uint8Array(11);
    assert.equal(await disk.read(name, 0, bytes), 11);
    const text = Buffer.from(bytes).toString().replaceAll('\0', '');
    assert.equal(text, name + name);
  }
  await disk.write('f0', 0, new Uint8Array(0), true);
  await disk.read('f39', 0, new Uint8Array(1));
  await disk.read('f38', 0, new Uint8Array(1));
  assert.ok(openIn(directory) <= DISK_DESCRIPTORS_MAX, String(openIn(directory)));
  await disk.close();
  assert.equal(openIn(directory), 0);
});

/** Fewer are not enough for Node to load the modules, of which it opens many at a time. */
const OPEN_FILES_MAX = 168;

/** A server that may have only these files open; what it has logged. */
async function serverWithFewFiles(t: TestContext, isKept = false) {
  const directory = await scratch(t);
  const address = `unix:${directory}/pool/socket`;
  const path = fileURLToPath(new URL('./serve-child.js', import.meta.url));
  const kept = { data: `${directory}/kept`, segmentBytes: SERVER_LIMITS.segmentBytesMin };
  const memoryBytes = 16 * 1024 * 1024;
  const options = JSON.stringify({ address, memoryBytes, ...(isKept ? kept : {}) });
  const command = `ulimit -n ${OPEN_FILES_MAX}; exec "$0" "$@"`;
  const child = spawn('/bin/sh', ['-c', command, process.execPath, path, options], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ATTACCA_READY_FD: '3' },
  });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  await new Promise((resolve) => child.stdio[3]?.once('data', resolve));
  return { address, child, log: () => lines.join('') };
}

test('of many who come at once each is taken or told why not, however few files there may be', async (t) => {
  const { address, child, log } = await serverWithFewFiles(t);
  const token = await tokenOf(parseAddress(address));
  // All have connected and spoken before the server sees the first of them.
  child.kill('SIGSTOP');
  const clients = await Promise.all(Array.from({ length: 200 }, () => RawClient.connect(address)));
  for (const client of clients) client.writeHello({ token });
  await Promise.all(clients.map((client) => untilSent(client)));
  child.kill('SIGCONT');
  const kinds = await Promise.all(
    clients.map(async (client) => (await client.until(() => client.frames[0])).kind),
  );
  const refused = clients.filter((_, at) => kinds[at] === FRAME.refuse);
  for (const client of refused) assert.equal((await client.refused()).code, 'session-limit');
  const taken = clients.filter((_, at) => kinds[at] === FRAME.accept);
  assert.ok(taken.length >= 4 && taken.length + refused.length === 200, String(taken.length));
  for (const client of taken) await client.ok(client.send(writePing));
  assert.match(log(), /connections are refused/u);
});

async function untilSent(client: RawClient): Promise<void> {
  while (client.link.bytesQueued > 0) await new Promise((resolve) => setImmediate(resolve));
}

test('where few files may be open, who is too many is told so, and the log says it once', async (t) => {
  const { address, log } = await serverWithFewFiles(t);
  const token = await tokenOf(parseAddress(address));
  const open: RawClient[] = [];
  let refused = 0;
  for (let each = 0; each < 160; each++) {
    const client = await RawClient.connect(address);
    client.writeHello({ token });
    const request = client.send(writePing);
    const first = await client.until(() => client.frames[0]);
    if (first.kind === FRAME.refuse) {
      const { code, retryable } = await client.refused();
      assert.deepEqual([code, retryable], ['session-limit', true]);
      refused++;
      await client.untilClosed();
    } else {
      await client.ok(request);
      open.push(client);
    }
  }
  assert.ok(open.length >= 4 && open.length + refused === 160);
  for (const client of open) await client.ok(client.send(writePing));
  assert.equal(log().split('connections are refused').length, 2);
  assert.match(log(), /ulimit -n/u);
  // Room again: who comes next is taken.
  open[0]?.link.destroy();
  await open[0]?.untilClosed();
  await open[1]?.ok(open[1].send(writePing));
  const late = await RawClient.open(address);
  await late.ok(late.send(writePing));
});

test('with all the connections that it takes, a pool that is kept begins segments still', async (t) => {
  const { address, log, child } = await serverWithFewFiles(t, true);
  const token = await tokenOf(parseAddress(address));
  const idle = await Promise.all(Array.from({ length: 200 }, () => RawClient.connect(address)));
  for (const client of idle) client.writeHello({ token });
  await Promise.all(idle.map((client) => client.until(() => client.frames[0])));
  const client = idle.find(({ frames }) => frames[0]?.kind === FRAME.accept);
  assert.ok(client !== undefined);
  await client.answer(client.send((w) => writeJoin(w, 0, 'a', {})));
  await client.ok(client.send((w) => writeKey(w, 0, 'k')));
  // Three segments.
  for (let each = 0; each < 900; each++) {
    client.link.write(
      client.frame(1, (w) =>
        writeDeclare(w, each, 0, `o/${each}`, null, [[0, 'x'.repeat(50_000)]]),
      ),
    );
    await client.ok(client.sent);
  }
  assert.equal(child.exitCode, null, log());
});
