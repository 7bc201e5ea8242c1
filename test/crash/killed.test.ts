/**
 * Processes are killed under load, again and again, and what each of them wrote down is compared:
 * nothing that was acknowledged is lost, nothing is done twice, nobody waits in vain. A few rounds;
 * ATTACCA_CRASH_MINUTES=10 for ten minutes of each story.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crew, LONG } from './crew.js';

test('the manager is killed, again and again', LONG, async (t) => {
  const crew = await Crew.make(t);
  await crew.loop(() => crew.restartManager());
  const { acknowledged } = await crew.finish();
  assert.ok(acknowledged > 0);
});

test('the manager is killed while it starts', LONG, async (t) => {
  const crew = await Crew.make(t);
  await crew.loop(async () => {
    await crew.manager.kill();
    for (const line of ['took up', 'memory ']) {
      crew.manager = crew.serve();
      if (crew.random() < 0.5) await crew.manager.line(line);
      await crew.manager.kill();
    }
    await crew.restartManager();
  });
  await crew.finish();
});

test('producers are killed', LONG, async (t) => {
  const crew = await Crew.make(t);
  const producers = crew.parts.filter(({ role }) => role === 'producer');
  await crew.loop(() => crew.pick(producers).restart());
  await crew.finish();
});

test('consumers are killed', LONG, async (t) => {
  const crew = await Crew.make(t);
  const consumers = crew.parts.filter(({ role }) => role === 'consumer');
  await crew.loop(() => crew.pick(consumers).restart());
  await crew.finish();
});

test('anybody is killed, and several at once', LONG, async (t) => {
  const crew = await Crew.make(t, { lanes: 3 });
  await crew.loop(async () => {
    const victims = crew.parts.filter(() => crew.random() < 0.3);
    const others = crew.random() < 0.6 ? [crew.restartManager()] : [];
    await Promise.all([...others, ...victims.map(({ actor }) => actor.kill())]);
    for (const part of victims) part.begin();
  });
  await crew.finish();
});

test('the manager is killed, and does not sync', LONG, async (t) => {
  const crew = await Crew.make(t, { serve: { sync: false } });
  await crew.loop(() => crew.restartManager());
  await crew.finish();
});

test('the manager is killed while it makes snapshots', LONG, async (t) => {
  const crew = await Crew.make(t, { payloadBytes: 64 << 10, lanes: 2, serve: { shm: false } });
  await crew.loop(async () => {
    await crew.advance(10);
    await crew.restartManager();
  });
  await crew.finish();
});
