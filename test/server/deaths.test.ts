import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Reader, type Writer } from '../../src/core/bytes.js';
import { ENDLESS } from '../../src/core/limits.js';
import {
  ownIdentity,
  type ProcessIdentity,
  systemProcessTable,
} from '../../src/levels/process-identity.js';
import {
  Grant,
  HANDLE_NONE,
  MESSAGE,
  poolInfoOf,
  readGrant,
  readValueAnswer,
  writeJoin,
  writeLease,
  writeMembers,
} from '../../src/protocol/index.js';
import type { ToAgent } from '../../src/server/agent-messages.js';
import { DeathWatch, identityOf } from '../../src/server/death-watch.js';
import { writePing } from '../protocol/other-side.js';
import { Child } from './child.js';
import { poolOf } from './pool-fixture.js';
import { RawClient } from './raw-client.js';
import { RawDataClient } from './raw-data-client.js';

const MiB = 1024 * 1024;

async function memberNames(client: RawClient): Promise<unknown[]> {
  const answer = await client.answer(client.send(writeMembers));
  assert.equal(answer.code, MESSAGE.value);
  const { value } = readValueAnswer(new Reader(answer.body));
  return Array.isArray(value) ? value.map((member) => Object(member).name) : [];
}

test('a client that is killed has crashed: its member is gone', async (t) => {
  const server = await poolOf(t);
  const watcher = await RawClient.open(server.address);
  const child = new Child(t, './client-child.js', [server.address, 'victim'], 'none');
  await child.line('joined');
  assert.deepEqual(await memberNames(watcher), ['victim']);
  child.process.kill('SIGKILL');
  await child.exit();
  // Not a time is waited for: the pool hears of it by itself, and then has no such member.
  while ((await memberNames(watcher)).length > 0) await watcher.ok(watcher.send(writePing));
  assert.equal(server.sessionCount, 1);
});

test('a client that is stopped for a while has lost nothing', async (t) => {
  const server = await poolOf(t, { sessionAwayMsMax: 1 });
  const watcher = await RawClient.open(server.address);
  const child = new Child(t, './client-child.js', [server.address, 'sleeper'], 'none');
  await child.line('joined');
  child.process.kill('SIGSTOP');
  for (let round = 0; round < 200; round++) await watcher.ok(watcher.send(writePing));
  assert.deepEqual(await memberNames(watcher), ['sleeper']);
  child.process.kill('SIGCONT');
  assert.deepEqual(await memberNames(watcher), ['sleeper']);
});

test('a living process that has lost its connection keeps its session beyond any time', async (t) => {
  const server = await poolOf(t, { sessionAwayMsMax: 1 });
  const watcher = await RawClient.open(server.address);
  const client = await RawClient.open(server.address);
  const { session, secret, pool } = client.accept;
  assert.equal(poolInfoOf(pool).limits['sessionAwayMsMax'], 1, 'clients are told of it');
  client.link.destroy();
  await client.untilClosed();
  for (let round = 0; round < 200; round++) await watcher.ok(watcher.send(writePing));
  const again = await RawClient.open(server.address, { session, secret });
  assert.equal(again.accept.resumed, true);
});

test('a process that gave a session up and comes anew gets its name back after a time', async (t) => {
  const server = await poolOf(t, { sessionAwayMsMax: 1 });
  const watcher = await RawClient.open(server.address);
  const client = await RawClient.open(server.address);
  await client.answer(client.send((w) => writeJoin(w, 1, 'model', {})));
  client.ack();
  await client.ok(client.send(writePing));
  client.link.destroy();
  await client.untilClosed();
  for (let round = 0; round < 200; round++) await watcher.ok(watcher.send(writePing));
  assert.equal(server.sessionCount, 2);

  const again = await RawClient.open(server.address);
  const answer = await again.answer(again.send((w) => writeJoin(w, 1, 'model', {})));
  assert.equal(answer.code, MESSAGE.welcome);
  assert.equal(server.sessionCount, 2);
});

test('a session whose client never saw ACCEPT ends when the client comes again', async (t) => {
  const server = await poolOf(t);
  // It stays away as well, but has acknowledged an answer: it can be taken up again.
  const heard = await RawClient.open(server.address);
  await heard.ok(heard.send(writePing));
  heard.ack();
  await heard.ok(heard.send(writePing));
  heard.link.destroy();
  // Away and unheard, too, but another process.
  const far = await RawClient.open(server.address, {
    process: { ...RawClient.process(), startTime: 1 + Number(RawClient.process()['startTime']) },
  });

  const cut = await RawClient.connect(server.address);
  cut.writeHello({ token: server.token });
  cut.send((w) => writeJoin(w, 1, 'again', {}));
  // The pool has taken the name before it is gone; nothing of this is acknowledged.
  await cut.until(() => cut.answers.length > 0);
  cut.link.destroy();
  await cut.untilClosed();
  await far.ok(far.send(writePing));
  assert.equal(server.sessionCount, 3);

  const again = await RawClient.open(server.address);
  const answer = await again.answer(again.send((w) => writeJoin(w, 1, 'again', {})));
  assert.equal(answer.code, MESSAGE.welcome);
  assert.equal(server.sessionCount, 3);
  const { session, secret } = heard.accept;
  const back = await RawClient.open(server.address, { session, secret, received: heard.received });
  assert.equal(back.accept.resumed, true);
  await far.ok(far.send(writePing));
});

test('a process that nobody can see is given up when it was away for too long', async (t) => {
  const server = await poolOf(t, { sessionAwayMsMax: 1 });
  const client = await RawClient.open(server.address, { process: { client: 'far', pid: 1 } });
  const { session, secret } = client.accept;
  client.link.destroy();
  await client.untilClosed();
  const watcher = await RawClient.open(server.address);
  while (server.sessionCount > 1) await watcher.ok(watcher.send(writePing));
  await assert.rejects(RawClient.open(server.address, { session, secret }), /session-unknown/);
});

test('death is looked for at once, and again until the process is gone', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  let liveness: 'alive' | 'dead' | 'unknown' = 'alive';
  const gone: number[] = [];
  const asked: ProcessIdentity[] = [];
  const watch = new DeathWatch({
    now: () => now,
    awayMsMax: 1_000,
    onGone: (session) => gone.push(session),
    liveness: (identity) => {
      asked.push(identity);
      return liveness;
    },
  });
  const pass = (ms: number): void => {
    for (let at = 0; at < ms; at++) {
      now++;
      t.mock.timers.tick(1);
    }
  };
  const identity = identityOf({ pid: 7, startTime: 8, bootId: 'b', pidNamespace: 'n', host: 'h' });
  watch.away(1, identity);
  assert.equal(asked.length, 1);
  pass(8);
  assert.equal(asked.length, 4);
  pass(100_000);
  assert.deepEqual(gone, []);
  liveness = 'dead';
  pass(500);
  assert.deepEqual(gone, [1]);
  const asks = asked.length;
  pass(10_000);
  assert.equal(asked.length, asks);

  liveness = 'unknown';
  watch.away(2, identity);
  pass(990);
  assert.deepEqual(gone, [1]);
  pass(500);
  assert.deepEqual(gone, [1, 2]);

  liveness = 'alive';
  watch.away(5, identity);
  watch.away(6, { ...identity, pid: 8 });
  pass(900);
  watch.succeeded(identity);
  assert.deepEqual(gone, [1, 2], 'its time is not over');
  pass(600);
  pass(10_000);
  assert.deepEqual(gone, [1, 2, 5]);
  watch.away(7, identity);
  pass(2_000);
  watch.succeeded(identity);
  assert.deepEqual(gone, [1, 2, 5, 7], 'at once');
  gone.length = 2;
  liveness = 'unknown';

  watch.back(6);
  watch.away(3, identity);
  watch.back(3);
  pass(10_000);
  watch.away(4, identity);
  watch.close();
  pass(10_000);
  assert.deepEqual(gone, [1, 2]);
});

test("bytes of a dead session are nobody else's before its transfers have ended", async (t) => {
  const server = await poolOf(t);
  const watcher = await RawClient.open(server.address);
  const child = new Child(t, './client-child.js', [server.address, 'bystander'], 'none');
  await child.line('joined');
  // A session whose process is the child; this process holds its connections.
  const identity = ownIdentity();
  const startTime = systemProcessTable.startTimeOf(child.pid);
  const client = await RawClient.open(server.address, {
    process: {
      ...RawClient.process(),
      pid: child.pid,
      startTime: startTime.kind === 'running' ? Number(startTime.startTime) : 0,
    },
  });
  assert.equal(RawClient.process()['bootId'], identity.bootId);
  const answer = await client.answer(client.send((w) => writeLease(w, MiB, MiB, HANDLE_NONE, 0)));
  const grant = new Grant();
  readGrant(new Reader(answer.body), grant);
  const data = await RawDataClient.open(client, server.token);
  assert.ok('moved' in (await data.write(grant.slab, grant.offset, new Uint8Array(MiB))));
  data.beginWrite(grant.slab, grant.offset, MiB);
  data.link.write(new Uint8Array(100));

  child.process.kill('SIGKILL');
  await child.exit();
  client.link.destroy();
  // The pool cuts the data connection off, and only then is the session gone.
  await data.untilClosed();
  while (server.sessionCount > 1) await watcher.ok(watcher.send(writePing));
  const next = await watcher.answer(watcher.send((w) => writeLease(w, MiB, MiB, HANDLE_NONE, 0)));
  assert.equal(next.code, MESSAGE.grant);
});

test('while the agent is slow to end the transfers of a dead session its bytes stay leased', async (t) => {
  const server = await poolOf(t);
  const watcher = await RawClient.open(server.address);
  const child = new Child(t, './client-child.js', [server.address, 'bystander'], 'none');
  await child.line('joined');
  const startTime = systemProcessTable.startTimeOf(child.pid);
  const client = await RawClient.open(server.address, {
    process: {
      ...RawClient.process(),
      pid: child.pid,
      startTime: startTime.kind === 'running' ? Number(startTime.startTime) : 0,
    },
  });
  const most = 20 * MiB;
  const lease = (w: Writer): void => writeLease(w, most, most, HANDLE_NONE, ENDLESS);
  const answer = await client.answer(client.send(lease));
  const grant = new Grant();
  readGrant(new Reader(answer.body), grant);
  const data = await RawDataClient.open(client, server.token);
  data.beginWrite(grant.slab, grant.offset, 200);
  data.link.write(new Uint8Array(100));

  // The agent hears late that the session is to end.
  const post = Worker.prototype.postMessage;
  let hear: (() => void) | null = null;
  t.mock.method(Worker.prototype, 'postMessage', function (this: Worker, message: ToAgent) {
    if (message.kind === 'session-ended') hear = () => post.call(this, message);
    else post.call(this, message);
  });
  // There is no room for two leases of this size.
  const next = watcher.send(lease);
  child.process.kill('SIGKILL');
  await child.exit();
  client.link.destroy();
  while (hear === null) await watcher.ok(watcher.send(writePing));
  for (let round = 0; round < 100; round++) await watcher.ok(watcher.send(writePing));
  const granted = (): boolean => watcher.answers.some(({ code }) => code === MESSAGE.grant);
  assert.deepEqual([granted(), data.closed, server.sessionCount], [false, false, 2]);

  Object(hear)();
  await data.untilClosed();
  assert.equal((await watcher.answer(next)).code, MESSAGE.grant);
});
