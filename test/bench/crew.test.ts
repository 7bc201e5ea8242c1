import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuNsOf } from '../../bench/harness/cpu.js';
import { Crew } from '../../bench/harness/crew.js';
import type { Participant } from '../../bench/harness/participant.js';
import { numberOf } from '../../bench/harness/reply.js';

const SCRIPT = '../test/bench/participants.js';

async function withCrew(body: (crew: Crew, one: Participant) => Promise<void>): Promise<void> {
  const crew = new Crew();
  try {
    await body(crew, await crew.node(SCRIPT));
  } finally {
    await crew.close();
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The kernel takes its time to bury a process. */
async function ends(pid: number): Promise<boolean> {
  for (let i = 0; i < 500 && isRunning(pid); i++) await sleep(10);
  return !isRunning(pid);
}

test('a participant does what it is asked, several things at a time', async () => {
  await withCrew(async (_crew, one) => {
    const silent = one.ask('silence', {}, 60_000);
    silent.catch(() => {});
    assert.deepEqual(await one.ask('echo', { say: 'x' }), { said: 'x' });
    assert.ok(cpuNsOf(one.pid) > 0);
  });
});

test('what fails in a participant fails here, with its name', async () => {
  await withCrew(async (_crew, one) => {
    await assert.rejects(one.ask('fail'), /participants\.js: Error: it cannot be done/);
    await assert.rejects(one.ask('unheard-of'), /Cannot do "unheard-of"/);
  });
});

test('a participant that does not answer, or ends, does not keep us waiting', async () => {
  await withCrew(async (_crew, one) => {
    await assert.rejects(one.ask('silence', {}, 20), /no answer within 20 ms/);
    await assert.rejects(one.ask('leave'), /it ended with 3/);
    await assert.rejects(one.ask('echo'), /it ended with 3/);
  });
});

test('closing ends the processes, and those that they started', async () => {
  const crew = new Crew();
  const one = await crew.node(SCRIPT);
  const pid = numberOf(await one.ask('child'), 'pid');
  const command = crew.command(['sleep', '600']);
  assert.ok(isRunning(pid));
  await crew.close();
  assert.ok(await ends(one.pid));
  assert.ok(await ends(pid));
  assert.ok(await ends(command.pid ?? 0));
  await crew.close();
  await assert.rejects(crew.node(SCRIPT), /the measurement is over/);
});

test('a command that fails says what it said', async () => {
  const crew = new Crew();
  await crew.run(['true']);
  await assert.rejects(crew.run(['sh', '-c', 'echo no room >&2; exit 4']), /ended with 4\nno room/);
  await crew.close();
});
