import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AssertionFailed } from '../../src/core/assert.js';
import { Writer } from '../../src/core/bytes.js';
import type { ProcessIdentity } from '../../src/levels/process-identity.js';
import { withoutNewWork } from '../../src/loop/split.js';
import { Keys } from '../../src/pool/attributes.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  Messages,
  writeDeclare,
  writeJoin,
  writeKey,
  writeOfferInline,
  writeStat,
} from '../../src/protocol/index.js';
import { type PoolServer, serve } from '../../src/server/index.js';
import { Poisoned } from '../../src/server/poisoned.js';
import { parseAddress, tokenOf } from '../../src/transport/index.js';
import { writePing } from '../protocol/other-side.js';
import { scratch } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

const ONE: ProcessIdentity = {
  pid: 7,
  startTime: '1',
  bootId: 'boot',
  pidNamespace: 'pid:[1]',
  hostname: 'here',
};

/** Requests of a session, as the body of a frame. */
function received(session: number, first: number, count: number, ack = 0) {
  const w = new Writer();
  const start = beginMessages(w, first, ack);
  for (let left = count; left > 1; left--) writePing(w);
  writeJoin(w, 1, 'member', {});
  endFrame(w, start);
  const bytes = w.written().slice(FRAME_HEADER_SIZE);
  return { session, identity: ONE, bytes, start: 0, end: bytes.length };
}

test('requests that have ended a manager are known to the next by their numbers', async (t) => {
  const directory = await scratch(t);
  const poisoned = new Poisoned(directory);
  assert.equal(poisoned.has(received(5, 7, 4)), false);
  assert.equal(poisoned.add(received(5, 7, 4)), 'session 5, 7 to 10');
  const next = new Poisoned(directory);
  assert.equal(next.has(received(5, 7, 4, 99)), true);
  assert.equal(next.has(received(5, 10, 1)), true);
  assert.equal(next.has(received(5, 4, 3)), false);
  assert.equal(next.has(received(5, 11, 1)), false);
  assert.equal(next.has(received(6, 7, 4)), false);
  // Its session was not durable: its number is that of somebody else.
  assert.equal(next.has({ ...received(5, 7, 4), identity: { ...ONE, pid: 8 } }), false);
});

test('requests of which only a part was stepped, without room, are the same ones', async (t) => {
  const directory = await scratch(t);
  const whole = received(5, 7, 4);
  const messages = new Messages();
  messages.open(whole.bytes, whole.start, whole.end);
  const left = withoutNewWork(messages);
  assert.ok(left.length < whole.bytes.length);
  new Poisoned(directory).add({ ...whole, bytes: left, end: left.length });
  assert.equal(new Poisoned(directory).has(whole), true);
});

test('the latest are kept; what cannot be kept is said, and no fault of its own', async (t) => {
  const directory = await scratch(t);
  for (let session = 1; session <= 1_003; session++) {
    new Poisoned(directory).add(received(session, 1, 1));
  }
  const kept = new Poisoned(directory);
  assert.equal(kept.has(received(3, 1, 1)), false);
  assert.equal(kept.has(received(4, 1, 1)), true);
  assert.equal(kept.has(received(1_003, 1, 1)), true);
  const lines = (await readFile(join(directory, 'poisoned'), 'utf8')).trim().split('\n');
  assert.equal(lines.length, 1_000);
  const other = await scratch(t);
  const homeless = new Poisoned(other);
  await mkdir(join(other, 'poisoned'));
  assert.match(homeless.add(received(5, 7, 4)), /^session 5, 7 to 10; not kept: /u);
});

/** Makes of a path what is no file of ours, and the words with which it is refused. */
const STRANGE: readonly (readonly [make: (path: string) => unknown, why: string])[] = [
  [(path) => execFileSync('mkfifo', [path]), 'it is no plain file'],
  [(path) => once(createServer().listen(path).unref(), 'listening'), 'it is no plain file'],
  [(path) => mkdir(path), 'it is no plain file'],
  [(path) => symlink('/dev/zero', path), 'it is a symbolic link'],
  [(path) => writeFile(path, new Uint8Array(2 ** 20 + 1)), 'it is larger than any of ours'],
];

test('what stands in its place and is no file of ours is refused at once', async (t) => {
  for (const [make, why] of STRANGE) {
    const directory = await scratch(t);
    const path = join(directory, 'poisoned');
    await make(path);
    const message = `Cannot read "${path}": ${why}`;
    assert.throws(() => new Poisoned(directory), { code: 'file-error', message });
  }
});

test('a pipe in place of the file or of its draft keeps nobody waiting', async (t) => {
  const directory = await scratch(t);
  execFileSync('mkfifo', [join(directory, 'poisoned.new')]);
  new Poisoned(directory).add(received(5, 7, 4));
  assert.equal(new Poisoned(directory).has(received(5, 7, 4)), true);
  const data = join(directory, 'kept');
  await mkdir(data, { mode: 0o700 });
  execFileSync('mkfifo', [join(data, 'poisoned')]);
  const options = { address: `unix:${directory}/socket`, data, shm: false };
  await assert.rejects(serve(options), { code: 'file-error', message: /it is no plain file$/u });
});

const PLANTED = 'assertion failed: a planted bug';

/** Plants a fault: the key `boom` trips it. */
function plant(t: TestContext): void {
  t.mock.method(process.stderr, 'write', () => true);
  const number = Keys.prototype.number;
  t.mock.method(Keys.prototype, 'number', function (this: Keys, name: string) {
    if (name === 'boom') throw new AssertionFailed(PLANTED);
    return number.call(this, name);
  });
}

/** A member with an object of which each answer to STAT is large. */
async function member(server: PoolServer): Promise<RawClient> {
  const client = await RawClient.open(server.address);
  await client.answer(client.send((w) => writeJoin(w, 0, 'a', {})));
  client.link.write(
    client.frame(3, (w) => {
      writeKey(w, 0, 'k');
      writeDeclare(w, 0, 0, 'large', null, [[0, 'x'.repeat(30_000)]]);
      writeOfferInline(w, 0, 0, 0, 0, new Uint8Array(3));
    }),
  );
  await client.ok(client.sent);
  return client;
}

for (const stats of [0, 20]) {
  const how = stats === 0 ? 'that came' : 'that was left off for its turn';
  test(`a request ${how} ends one manager, and then its own session`, async (t) => {
    const directory = await scratch(t);
    const options = {
      address: `unix:${directory}/socket`,
      data: join(directory, 'kept'),
      // Slabs that are kept are taken over from a process that is dead only.
      shm: false,
      memoryBytes: 32 << 20,
      segmentBytes: 16 << 20,
    };
    plant(t);
    const first = await serve(options);
    const client = await member(first);
    const { session, secret } = client.accept;
    const { received, sent } = client;
    const poison = client.frame(stats + 1, (w) => {
      for (let each = 0; each < stats; each++) writeStat(w, 'large');
      writeKey(w, 1, 'boom');
    });
    client.link.write(poison);
    const end = await first.closed;
    assert.ok(end.kind === 'crashed' && end.report !== null);
    const report = await readFile(end.report, 'utf8');
    assert.match(report, new RegExp(PLANTED, 'u'));
    assert.match(report, new RegExp(`session ${session}, ${sent + 1} to ${client.sent}\n`, 'u'));

    const second = await serve(options);
    t.after(() => second.close());
    const token = await tokenOf(parseAddress(second.address));
    const resume = { token, session, secret, received };
    if (stats === 0) {
      const again = await RawClient.open(second.address, resume);
      again.link.write(poison);
      assert.equal((await again.refused()).code, 'poisoned');
    }
    const other = await RawClient.open(second.address);
    await other.answer(other.send((w) => writeJoin(w, 0, 'a', {})));
    await assert.rejects(RawClient.open(second.address, resume), /session-unknown/u);
    assert.equal(second.hasCrashed, false);
  });
}
