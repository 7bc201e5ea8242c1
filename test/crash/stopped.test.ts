/** Who is stopped is alive: its place is kept, and the others go on. */
import { once } from 'node:events';
import { test } from 'node:test';
import { Crew, LONG } from './crew.js';

/** What is stopped does nothing that could be waited for. */
async function pause(): Promise<void> {
  await once(AbortSignal.timeout(200), 'abort');
}

test('members are stopped, and the manager is killed meanwhile', LONG, async (t) => {
  const crew = await Crew.make(t, { lanes: 3 });
  await crew.loop(async () => {
    const part = crew.pick(crew.parts);
    part.actor.signal('SIGSTOP');
    await crew.advance(2);
    if (crew.random() < 0.5) await crew.restartManager();
    await crew.advance(2);
    part.actor.signal('SIGCONT');
  });
  await crew.finish();
});

test('the manager is stopped, and killed when it goes on', LONG, async (t) => {
  const crew = await Crew.make(t);
  await crew.loop(async () => {
    crew.manager.signal('SIGSTOP');
    await pause();
    crew.manager.signal('SIGCONT');
    if (crew.random() < 0.3) await crew.restartManager();
  });
  await crew.finish();
});
