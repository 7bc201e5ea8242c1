import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeats, type Pulse } from '../../src/server/heartbeats.js';
import { SERVER_LIMITS } from '../../src/server/limits.js';

type Kind = 'unix' | 'tcp';

/** A connection of which only its times matter; `log` takes what is done to it. */
function pulse(log: string[], name: string, kind: Kind, isRemote: boolean): Pulse {
  return {
    link: { kind },
    state: 'open',
    session: 1,
    isRemote,
    lastHeardMs: 0,
    lastSentMs: 0,
    writeAck: (ack) => log.push(`${name} ack ${ack}`),
    destroy: () => log.push(`${name} lost`),
  };
}

test('over TCP silence is filled, and from another host it is the end; on one host it is nothing', (t) => {
  let now = 0;
  const log: string[] = [];
  const beats = new Heartbeats({
    now: () => now,
    receivedOf: () => 42,
    connections: () => [
      pulse(log, 'unix', 'unix', false),
      pulse(log, 'local', 'tcp', false),
      pulse(log, 'remote', 'tcp', true),
    ],
  });
  t.after(() => beats.close());
  beats.beat();
  assert.deepEqual(log, []);
  now = SERVER_LIMITS.heartbeatMs;
  beats.beat();
  assert.deepEqual(log.splice(0), ['local ack 42', 'remote ack 42']);
  now = SERVER_LIMITS.silenceMsMax + 1;
  beats.beat();
  assert.deepEqual(log, ['local ack 42', 'remote lost']);
});
