import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import { Incoming } from '../../src/session/incoming.js';
import { Outgoing } from '../../src/session/outgoing.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';

const savedOutgoing = (outgoing: Outgoing): Uint8Array => saved((w) => outgoing.save(w));

/** A step of both: a frame of so many messages, or an `ack` of a part of what is owed. */
function act(outgoing: Outgoing, [isFrame, count]: readonly [boolean, number]): unknown {
  if (isFrame) return outgoing.frame(new Uint8Array(count * 16).fill(count), count, 3);
  return outgoing.acknowledge(outgoing.acknowledged + (count % 4));
}

const actions = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 })), {
  maxLength: 300,
});

test('outgoing: goes on alike: what is kept, sent again, and let go', () => {
  fc.assert(
    fc.property(actions, actions, (before, after) => {
      const one = new Outgoing(true);
      for (const each of before) act(one, each);
      // What is saved is durable.
      one.release(one.last);
      const two = restored(savedOutgoing(one), Outgoing.restore);
      assert.deepEqual(two.resend(9), one.resend(9));
      for (const each of after) {
        assert.deepEqual(act(two, each), act(one, each));
        assert.equal(two.bytesHeld, one.bytesHeld);
        assert.equal(two.messagesHeld, one.messagesHeld);
      }
      assert.deepEqual(savedOutgoing(two), savedOutgoing(one));
    }),
    { numRuns: 100 },
  );
});

test('incoming: after a restart all that has come is known, and none of it acknowledged', () => {
  const one = new Incoming();
  one.take(1, 5, 100);
  one.acknowledged();
  const two = restored(
    saved((w) => one.save(w)),
    Incoming.restore,
  );
  assert.equal(two.received, 5);
  assert.equal(two.ackDue, 'soon');
  assert.equal(two.take(4, 3, 60), 2, 'what has come before is skipped');
  assert.equal(two.take(8, 1, 20), -1, 'a gap is one');
  two.acknowledged();
  assert.equal(two.ackDue, 'no');
});

test('outgoing: frames that do not add up, are cut, or name what nobody sent are damage', () => {
  const outgoing = new Outgoing();
  for (let count = 1; count < 4; count++) act(outgoing, [true, count]);
  outgoing.acknowledge(2);
  const bytes = savedOutgoing(outgoing);
  const refused = (broken: Uint8Array): void => {
    assert.throws(() => restored(broken, Outgoing.restore), { code: 'journal-damaged' });
  };
  for (let at = 0; at < bytes.length; at++) refused(bytes.slice(0, at));
  // `last`, `acknowledged`, the count of frames, the first frame's numbers and size.
  for (const at of [0, 8, 16, 20, 28, 36]) {
    const other = bytes.slice();
    other[at] = 77;
    refused(other);
  }
  const w = new Writer();
  w.u64(5);
  w.u64(4);
  w.u32(0);
  refused(w.written().slice());
});
