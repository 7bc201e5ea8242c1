import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { Harness } from './harness.js';

test('a barrier lets all go when the last has come, round after round', () => {
  const pool = new Harness();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => pool.member(name));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  for (let round = 0; round < 3; round++) {
    const first = a.barrier('start', 3).waits();
    const second = b.barrier('start', 3).waits();
    first.waits();
    c.barrier('start', 3).ok();
    first.ok();
    second.ok();
  }
  a.barrier('alone', 1).ok();
  assert.deepEqual([pool.pool.waits.used, pool.pool.barriers.byName.size], [0, 0]);
});

test('who does not wait any more has not come', () => {
  const pool = new Harness();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => pool.member(name));
  assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
  const left = a.barrier('start', 3).waits();
  a.leave().bye();
  assert.equal(left.fails('cancelled').fields['member'], 'a');
  b.barrier('start', 3).waits();
  pool.crash(b.client);
  const cancelled = c.barrier('start', 3).waits();
  c.cancel(cancelled).ok();
  cancelled.fails('cancelled');
  const late = c.barrier('start', 3, 20).waits();
  const stays = d.barrier('start', 3).waits();
  pool.pass(20);
  const { fields, message } = late.fails('deadline-passed');
  assert.deepEqual([fields['members'], fields['missing']], [['c', 'd'], 1]);
  assert.match(message, /"start": 1 of 3 did not come within 20 ms; c, d did/u);
  stays.waits();
  pool.member('e').barrier('start', 3).waits();
  c.barrier('start', 3).ok();
  stays.ok();
});

test('what a barrier refuses, and that explain and info tell of it', () => {
  const pool = new Harness();
  const a = pool.member('a');
  const b = pool.member('b');
  const waits = a.barrier('start', 3).waits();
  const { message } = b.barrier('start', 2).fails('bad-argument');
  assert.equal(message, 'Cannot meet at "start" as one of 2: a says 3');
  a.barrier('start', 3).fails('wrong-state');
  b.barrier('start', 0).fails('bad-argument');
  b.barrier('other', LIMITS.membersMax + 1).fails('bad-argument');
  const { barriers } = b.info().value();
  assert.deepEqual(barriers, [{ name: 'start', members: 3, here: ['a'], missing: 2 }]);
  const told = b.explain('start').value()['waits'] as { [key: string]: unknown }[];
  assert.deepEqual(
    told.map(({ member, what, because }) => [member, what, because]),
    [['a', 'barrier', '2 of 3 have not come; a did']],
  );
  assert.equal((b.explainWaits().value()['waits'] as unknown[]).length, 1);
  waits.waits();
});

test('an open barrier is in a snapshot', () => {
  const pool = new Harness();
  pool.member('a').barrier('start', 3).waits();
  pool.member('b').barrier('start', 3).waits();
  const bytes = saved((w) => savePool(pool.pool, w));
  const again = restored(bytes, restorePool);
  const names = [...(again.barriers.byName.get('start')?.arrivals.keys() ?? [])];
  assert.deepEqual(
    names.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.deepEqual(
    saved((w) => savePool(again, w)),
    bytes,
  );
});

/** What members do at two barriers, of two and of three. */
const anyStep = fc.tuple(fc.constantFrom('come', 'cancel', 'crash'), fc.nat(4), fc.nat(1));

test('a barrier opens when as many wait as it takes, whatever came between', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
      const pool = new Harness();
      let made = 0;
      const members = Array.from({ length: 5 }, () => pool.member(`m${made++}`));
      // The model: who waits, by barrier, and by what request.
      const here = [new Map<number, ReturnType<(typeof members)[0]['barrier']>>(), new Map()];
      for (const [what, who, at] of steps) {
        const member = members[who];
        const waiting = here[at] as Map<number, ReturnType<(typeof members)[0]['barrier']>>;
        assert.ok(member !== undefined);
        const known = waiting.get(who);
        if (what === 'come') {
          const call = member.barrier(`b${at}`, at + 2);
          if (known !== undefined) call.fails('wrong-state');
          else waiting.set(who, call);
        } else if (what === 'cancel') {
          if (known === undefined) continue;
          member.cancel(known).ok();
          known.fails('cancelled');
          waiting.delete(who);
        } else {
          pool.crash(member.client);
          for (const each of here) each.delete(who);
          members[who] = pool.member(`m${made++}`);
        }
        if (waiting.size === at + 2) {
          for (const call of waiting.values()) call.ok();
          waiting.clear();
        }
        for (const each of here) for (const call of each.values()) call.waits();
      }
    }),
    { numRuns: 60 },
  );
});
