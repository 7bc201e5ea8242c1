import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FRAME } from '../../src/protocol/index.js';
import { connectionBounds, parseOpenFilesMax } from '../../src/server/descriptors.js';
import { SERVER_LIMITS } from '../../src/server/limits.js';
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
    const { control, data } = connectionBounds(most, 25);
    assert.ok(control >= 4 && data >= 4);
    assert.ok(most < 64 || control + data + SERVER_LIMITS.refusedLinksMax + 25 < most);
  }
  const { connectionsMax, dataConnectionsMax } = SERVER_LIMITS;
  const plenty = { control: connectionsMax, data: dataConnectionsMax };
  assert.deepEqual(connectionBounds(1_000_000, 25), plenty);
});

test('where few files may be open, who is too many is told so, and the log says it once', async (t) => {
  const directory = await scratch(t);
  const address = `unix:${directory}/pool/socket`;
  const path = fileURLToPath(new URL('./serve-child.js', import.meta.url));
  const options = JSON.stringify({ address, memoryBytes: 16 * 1024 * 1024 });
  // Fewer are not enough for Node to load the modules, of which it opens many at a time.
  const command = 'ulimit -n 128; exec "$0" "$@"';
  const child = spawn('/bin/sh', ['-c', command, process.execPath, path, options], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ATTACCA_READY_FD: '3' },
  });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  await new Promise((resolve) => child.stdio[3]?.once('data', resolve));

  const token = await tokenOf(parseAddress(address));
  const open: RawClient[] = [];
  let refused = 0;
  for (let each = 0; each < 80; each++) {
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
  assert.ok(open.length >= 4 && open.length + refused === 80);
  for (const client of open) await client.ok(client.send(writePing));
  assert.equal(log.split('connections are refused').length, 2);
  assert.match(log, /ulimit -n/u);
  // Room again: who comes next is taken.
  open[0]?.link.destroy();
  await open[0]?.untilClosed();
  await open[1]?.ok(open[1].send(writePing));
  const late = await RawClient.open(address);
  await late.ok(late.send(writePing));
});
