import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  type Address,
  connect,
  type Link,
  listen,
  parseAddress,
} from '../../src/transport/index.js';

async function addressFor(t: TestContext, kind: 'unix' | 'tcp'): Promise<Address> {
  if (kind === 'tcp') return parseAddress('tcp://127.0.0.1:0');
  const directory = await mkdtemp(join(tmpdir(), 'attacca-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return parseAddress(`unix:${directory}/socket`);
}

/** Both ends of one connection. */
async function pair(t: TestContext, kind: 'unix' | 'tcp'): Promise<{ near: Link; far: Link }> {
  const taken: Link[] = [];
  const listener = await listen(await addressFor(t, kind), {
    onLink: (link) => taken.push(link),
    linksMax: 4,
  });
  t.after(() => listener.close());
  const near = await connect(listener.address);
  near.write(new Uint8Array([1]));
  let far = taken[0];
  while (far === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    far = taken[0];
  }
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  const link = far;
  await new Promise<void>((resolve) => {
    link.onData = () => resolve();
  });
  return { near, far };
}

for (const kind of ['unix', 'tcp'] as const) {
  test(`${kind}: what one turn writes arrives in order, as one`, async (t) => {
    const { near, far } = await pair(t, kind);
    const chunks: Uint8Array[] = [];
    const all = new Promise<void>((resolve) => {
      far.onData = (chunk) => {
        chunks.push(chunk);
        if (chunks.reduce((sum, each) => sum + each.length, 0) === 3_000) resolve();
      };
    });
    for (let at = 0; at < 3_000; at++) near.write(new Uint8Array([at % 251]));
    await all;
    assert.equal(chunks.length, 1);
    assert.ok(Buffer.concat(chunks).every((byte, at) => byte === at % 251));
  });

  test(`${kind}: a peer that does not read is known, and what it got is all there`, async (t) => {
    const { near, far } = await pair(t, kind);
    far.pause();
    const piece = new Uint8Array(1 << 20).fill(9);
    let written = 0;
    while (!near.isFull) {
      near.write(piece);
      written += piece.length;
      near.flush();
    }
    assert.ok(near.bytesQueued > LIMITS.sendQueueBytesMax);
    assert.ok(written < LIMITS.sendQueueBytesMax * 2);
    let read = 0;
    far.onData = (chunk) => {
      read += chunk.length;
    };
    const drained = new Promise<void>((resolve) => {
      near.onDrain = resolve;
    });
    far.resume();
    await drained;
    assert.equal(near.isFull, false);
    const closed = new Promise<void>((resolve) => {
      far.onClose = () => resolve();
    });
    near.close();
    await closed;
    assert.equal(read, written);
  });

  test(`${kind}: last words are heard, also by a peer that was still talking`, async (t) => {
    const { near, far } = await pair(t, kind);
    const heard: Uint8Array[] = [];
    near.onData = (chunk) => heard.push(chunk);
    const closed = new Promise<void>((resolve) => {
      near.onClose = () => resolve();
    });
    near.write(new Uint8Array(100_000));
    far.write(new TextEncoder().encode('good bye'));
    far.close();
    far.close();
    far.write(new Uint8Array(3));
    await closed;
    assert.equal(Buffer.concat(heard).toString(), 'good bye');
  });
}

test('why a peer has closed is heard, although a write fails before it is read', async (t) => {
  const { near, far } = await pair(t, 'unix');
  const heard: Uint8Array[] = [];
  near.onData = (chunk) => heard.push(chunk);
  const closed = new Promise<Error | null>((resolve) => {
    near.onClose = resolve;
  });
  far.write(new TextEncoder().encode('too many'));
  far.flush();
  far.destroy();
  near.write(new Uint8Array(1));
  near.flush();
  assert.match(String(await closed), /EPIPE/u);
  assert.equal(Buffer.concat(heard).toString(), 'too many');
});

test('a socket that nobody serves is refused with what the system said', async (t) => {
  const address = await addressFor(t, 'unix');
  await assert.rejects(
    connect(address),
    (error) =>
      error instanceof AttaccaError &&
      error.code === 'pool-unreachable' &&
      error.fields['system'] === 'ENOENT',
  );
  const long = parseAddress(`unix:/tmp/${'x'.repeat(200)}`);
  await assert.rejects(
    connect(long),
    (error) => error instanceof AttaccaError && error.code === 'bad-argument',
  );
});

test('connecting is given up when its signal says so, or its time is over', async (t) => {
  const address = await addressFor(t, 'unix');
  const listener = await listen(address, { onLink: (link) => link.destroy(), linksMax: 1 });
  t.after(() => listener.close());
  await assert.rejects(
    connect(address, { signal: AbortSignal.abort(new Error('no more')) }),
    (error) => error instanceof AttaccaError && error.code === 'aborted',
  );
});

test('a name in use is refused', async (t) => {
  const address = await addressFor(t, 'unix');
  const listener = await listen(address, { onLink: (link) => link.destroy(), linksMax: 1 });
  t.after(() => listener.close());
  await assert.rejects(
    listen(address, { onLink: () => {}, linksMax: 1 }),
    (error) => error instanceof AttaccaError && error.code === 'name-in-use',
  );
});
