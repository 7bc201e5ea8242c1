import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';

function drain(pool: Harness): void {
  pool.loop.input({ kind: 'drain', graceMs: 500 });
  pool.settle();
}

test('drain: every session is told how long it has, and INFO says it', () => {
  const pool = new Harness();
  const clients = [pool.client(), pool.client()];
  const member = pool.member('m');
  drain(pool);
  for (const { notices } of [...clients, member.client]) {
    const [notice, ...more] = notices;
    assert.deepEqual(more, []);
    assert.ok(notice?.kind === 'notice');
    assert.deepEqual([notice.code, { ...notice.fields }], ['pool-stopping', { graceMs: 500 }]);
  }
  const { pool: about } = member.info().value();
  assert.equal(Object(about).stopping, true);
  assert.equal(pool.effectsOf('stop').length, 0, 'the shell ends it when all have left');
});

test('drain: no session, member or offer comes in; each is refused by name', () => {
  const pool = new Harness();
  const member = pool.member('m');
  drain(pool);
  assert.throws(() => pool.client(), { code: 'pool-stopping' });
  member.client.join('n').joined.fails('pool-stopping');
  member.declare('late').offer('bytes').fails('pool-stopping');
});

test('drain: what is under way goes on, until all have left', () => {
  const pool = new Harness();
  const provider = pool.member('provider');
  const reader = pool.member('reader');
  const kept = provider.offer('x', 'bytes');
  const required = reader.require('x');
  const waiting = reader.demand('never', { deadline: 200 });
  drain(pool);
  kept.withdraw().ok();
  assert.equal(required.demand().text(), 'bytes', 'what was required is served');
  required.dispose().ok();
  waiting.waits();
  pool.pass(200);
  waiting.fails('deadline-passed');
  reader.leave().bye();
  provider.leave().bye();
  assert.equal(pool.pool.members.size, 0);
});
