import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8 } from '../../src/core/utf8.js';
import type { Value } from '../../src/core/value.js';
import { writePing } from '../protocol/other-side.js';

import { Harness } from './harness.js';
import { withLimit } from './limits.js';
import { random } from './random.js';

type Row = { [key: string]: Value };

test('join: WELCOME names the member, MEMBERS shows it with what it said of itself', () => {
  const pool = new Harness();
  const client = pool.client({ host: 'node7', pid: 4711 });
  const model = client.join('model[3]', { addresses: ['tcp://node7:1'] });
  const welcome = model.joined.welcome();
  assert.equal(welcome.name, 'model[3]');
  assert.deepEqual(
    { ...welcome.granted },
    { component: 'model', index: 3, deadlineDefaultMs: 1_000 },
  );
  const [row] = model.members().value() as unknown as Row[];
  assert.equal(row?.['id'], welcome.member);
  assert.equal(row?.['name'], 'model[3]');
  assert.equal(row?.['component'], 'model');
  assert.equal(row?.['index'], 3);
  assert.equal(row?.['host'], 'node7');
  assert.equal(row?.['pid'], 4711);
});

test('join: a member without an index, and one with, do not share a name', () => {
  const pool = new Harness();
  const alone = pool.member('writer');
  assert.equal(alone.joined.welcome().granted['index'], null);
  pool.member('writer[0]').joined.welcome();
});

test('join: [*] gives the lowest index that is free', () => {
  const pool = new Harness();
  const client = pool.client();
  const names = [0, 1, 2].map(() => client.join('w[*]'));
  assert.deepEqual(
    names.map((each) => each.joined.welcome().name),
    ['w[0]', 'w[1]', 'w[2]'],
  );
  names[1]?.leave().bye();
  assert.equal(client.join('w[*]').joined.welcome().name, 'w[1]');
  pool.member('w[3]').joined.welcome();
  assert.equal(client.join('w[*]').joined.welcome().name, 'w[4]');
});

test('join: [*] is the lowest free index, whatever order members come and go in', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const pool = new Harness();
    const client = pool.client();
    const dice = random(seed);
    const members = new Map<number, ReturnType<typeof client.join>>();
    for (let step = 0; step < 100; step++) {
      const index = dice(12);
      const known = members.get(index);
      if (known !== undefined && dice(2) === 0) {
        known.leave().bye();
        members.delete(index);
      } else if (known === undefined && dice(3) === 0) {
        members.set(index, client.join(`w[${index}]`));
      } else {
        const member = client.join('w[*]');
        let lowest = 0;
        while (members.has(lowest)) lowest++;
        assert.equal(member.joined.welcome().name, `w[${lowest}]`);
        members.set(lowest, member);
      }
    }
  }
});

test('join: very many members of one component come and go in little time', () => {
  const pool = new Harness({ checked: false });
  const client = pool.client();
  const members: ReturnType<typeof client.join>[] = [];
  pool.batch(() => {
    for (let index = 0; index < 20_000; index++) members.push(client.join('rank[*]'));
  });
  assert.equal(members.at(-1)?.joined.welcome().name, 'rank[19999]');
  members[7]?.leave().bye();
  assert.equal(client.join('rank[*]').joined.welcome().name, 'rank[7]');
  assert.equal(client.join('rank[*]').joined.welcome().name, 'rank[20000]');
  pool.crash(client);
  assert.equal(pool.pool.indices.size, 0);
});

test('join: a name in use is refused, naming the process, until that member is gone', () => {
  const pool = new Harness();
  const first = pool.client({ host: 'node1', pid: 17 });
  const holder = first.join('model');
  const other = pool.client();
  const refused = other.join('model');
  const { fields } = refused.joined.fails('name-in-use');
  assert.deepEqual(fields, { name: 'model', pid: 17, host: 'node1' });
  const answer = refused.joined.answer;
  assert.ok(answer?.kind === 'fail' && answer.retryable, 'the same join may succeed later');
  first.join('model').joined.fails('name-in-use');
  holder.leave().bye();
  const next = other.join('model');
  next.joined.welcome();
  pool.crash(other);
  first.join('model').joined.welcome();
});

test('join: ids are never used twice, so that a later member is not taken for an earlier', () => {
  const pool = new Harness();
  const client = pool.client();
  const one = client.join('a');
  const { member } = one.joined.welcome();
  one.leave().bye();
  assert.notEqual(client.join('a').joined.welcome().member, member);
});

test('join: a number of the client that is in use is refused', () => {
  const pool = new Harness();
  const client = pool.client();
  client.join('a').joined.welcome();
  const again = pool.client();
  again.join('b').joined.welcome();
  again
    .call((w) => {
      w.u32(8 + 4 + 4 + 1 + 4);
      w.u32(0x02);
      w.u32(0);
      w.text('c');
      w.u32(0);
    })
    .fails('bad-argument');
});

test('join: a name that is none is refused with bad-name', () => {
  const pool = new Harness();
  const client = pool.client();
  for (const name of ['', 'a[', 'a[01]', 'a[-1]', 'a[2147483648]', 'a\nb', 'x'.repeat(256)]) {
    const bytes = encodeUtf8(name);
    client
      .call((w) => {
        w.u32(8 + 4 + 4 + bytes.length + 4);
        w.u32(0x02);
        w.u32(9);
        w.text(name);
        w.u32(0);
      })
      .fails('bad-name');
  }
  client.join('x'.repeat(255)).joined.welcome();
});

test('join: the pool takes so many members and no more', () => {
  const pool = new Harness();
  const client = pool.client();
  client.join('a').joined.welcome();
  withLimit('membersMax', 1, () => client.join('b').joined.fails('member-limit'));
  client.join('b').joined.welcome();
});

test('acting as a member that has not joined, or has left, is refused', () => {
  const pool = new Harness();
  const client = pool.client();
  const refused = pool.member('a') && client.join('a');
  refused.declare('x').declared.fails('not-a-member');
  refused.leave().fails('not-a-member');
  refused.promise('x').made.fails('not-a-member');
  const left = client.join('b');
  left.leave().bye();
  left.declare('x').declared.fails('not-a-member');
});

test('END: is answered, its members have crashed, nothing of the session is taken after it', () => {
  const pool = new Harness();
  const client = pool.client();
  const member = client.join('a');
  member.offer('x', 'bytes');
  const watcher = pool.member('b');
  const later = [member.joined];
  pool.batch(() => {
    later.push(member.end());
    later.push(client.call(writePing));
  });
  later[1]?.ok();
  later[2]?.waits();
  assert.deepEqual(
    pool.effectsOf('session-ended').map((each) => [each.session, each.crashed]),
    [[client.session, false]],
  );
  watcher.stat('x').fails('unknown-object');
  assert.ok(!pool.loop.hasSession(client.session));
});

test('a member in a session of several: one leaves, the other stays', () => {
  const pool = new Harness();
  const client = pool.client();
  const one = client.join('a');
  const two = client.join('b');
  one.offer('x', '1');
  two.offer('y', '2');
  assert.deepEqual(one.leave().bye(), ['x']);
  two.stat('y').value();
  two.stat('x').fails('unknown-object');
});

test('PING is answered; several requests of one frame are one range of OK', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const pings = [member.ping()];
  pool.batch(() => {
    for (let index = 0; index < 10; index++) pings.push(member.ping());
  });
  for (const ping of pings) ping.ok();
  const answers = new Set(pings.slice(1).map((ping) => ping.answer));
  assert.equal(answers.size, 1, 'one message answers them all');
});

test('ranges of OK leave out what failed, and never answer it', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const calls = [member.ping()];
  pool.batch(() => {
    for (let index = 0; index < 30; index++) {
      calls.push(index % 7 === 3 ? member.stat('nothing') : member.ping());
      if (index % 11 === 5) calls.push(member.demand('x', { deadline: 5 }));
    }
  });
  for (const call of calls) {
    const kind = call.answer?.kind ?? 'waiting';
    assert.ok(kind === 'ok' || kind === 'fail' || kind === 'waiting');
  }
  pool.pass(5);
  assert.ok(calls.every((call) => call.answer !== null));
  assert.equal(calls.filter((call) => call.answer?.kind === 'fail').length, 4 + 3);
});
