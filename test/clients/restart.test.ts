import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { connect } from '../../src/client/index.js';
import { attacca, startAttacca, startProgram, untilDemanded } from '../cli/command.js';
import { member } from '../server/kept-members.js';
import { KeptPool } from '../server/kept-pool.js';
import { scratch } from '../server/pool-fixture.js';
import { keptWithStore, loseMemory } from '../server/stored-pools.js';
import { pythonOptions, pythonPath } from './python.js';

const SOURCE = `
import sys, attacca
address, transport = sys.argv[1:]
pool = attacca.join("python", address, transport=transport)
large = bytes(range(256)) * 32768
pool.offer("from-python/" + transport, large, keep=True)
print("offered", flush=True)
with pool.demand("to-python/" + transport) as got:
    print("got", bytes(got) == large[::-1], flush=True)
    input()
    print("still", bytes(got) == large[::-1], flush=True)
pool.leave()
print("left", flush=True)
`;

test('a program in Python goes on with the next manager', pythonOptions, async (t) => {
  const kept = await KeptPool.make(t, { memoryBytes: 64 << 20 });
  await kept.start();
  const file = join(await scratch(t), 'goes_on.py');
  await writeFile(file, SOURCE);
  for (const transport of ['shared-memory', 'socket']) {
    const environment = { PYTHONPATH: pythonPath, ATTACCA_TRANSPORT: undefined };
    const words = ['-B', file, kept.address, transport];
    const program = startProgram('python3', words, { environment, input: '\n' });
    t.after(() => program.process.kill('SIGKILL'));
    await program.said(/offered/u);
    await kept.restart();
    const view = await connect({ address: kept.address });
    await untilDemanded(view, `to-python/${transport}`);
    await view.close();
    await kept.restart();
    const reversed = Uint8Array.from({ length: 8 << 20 }, (_, index) => 255 - (index % 256));
    const put = await attacca(['put', '--name', `to-python/${transport}`, '-'], {
      pool: kept.address,
      input: reversed,
    });
    assert.equal(put.code, 0, put.err);
    const { code, out, err } = await program.ended;
    assert.equal(code, 0, err);
    assert.equal(out, 'offered\ngot True\nstill True\nleft\n');
  }
});

const LIVING = `
import sys, attacca
pool = attacca.join("python", sys.argv[1], transport="shared-memory")
def is_right(name, byte):
    with pool.demand(name) as got:
        return bytes(got) == bytes([byte]) * 3000000
pool.offer("first", bytes([7]) * 3000000, keep=True, durability="fsync")
print("offered", is_right("first", 7), flush=True)
pool.demand("go/0").dispose()
print("first", is_right("first", 7), flush=True)
pool.offer("later", bytes([9]) * 3000000, keep=True, durability="fsync")
print("later", is_right("later", 9), pool.transport, flush=True)
pool.demand("go/1").dispose()
print("again", is_right("later", 9), flush=True)
pool.leave()
`;

test('Python reads and writes in memory that was made anew', pythonOptions, async (t) => {
  const { kept } = await keptWithStore(t);
  const file = join(await scratch(t), 'lives.py');
  await writeFile(file, LIVING);
  const environment = { PYTHONPATH: pythonPath, ATTACCA_TRANSPORT: undefined };
  const program = startProgram('python3', ['-B', file, kept.address], { environment });
  t.after(() => program.process.kill('SIGKILL'));
  for (const [times, said] of [/offered True\n/u, /later \w+ [\w-]+\n/u].entries()) {
    await program.said(said);
    await kept.kill();
    await loseMemory(kept);
    await kept.start();
    // Who comes new has nothing mapped of what was there before.
    await using driver = await member(kept, 'driver');
    if (times === 1) {
      await using got = await driver.object('later').demand();
      assert.ok(got.copy().every((byte: unknown) => byte === 9));
    }
    await driver.put(`go/${times}`, new Uint8Array(1));
  }
  const { code, out, err } = await program.ended;
  assert.equal(code, 0, err);
  assert.equal(out, 'offered True\nfirst True\nlater True shared-memory\nagain True\n');
});

const PUTTING = `
import sys, attacca
pool = attacca.join("python", sys.argv[1])
large = bytes(range(256)) * 4096
for round in range(4):
    for each in range(40):
        name = f"{round}/{each}"
        pool.offer(name, large, keep=True)
        try:
            pool.withdraw(name)
        except attacca.AttaccaError as error:
            if error.code not in ("unknown-object", "wrong-state"):
                raise
    print("round", round, flush=True)
pool.leave()
`;

test(
  'memory goes with its manager: Python offers what it was offering',
  pythonOptions,
  async (t) => {
    const kept = await KeptPool.make(t, { shm: false });
    await kept.start();
    const file = join(await scratch(t), 'puts.py');
    await writeFile(file, PUTTING);
    const environment = { PYTHONPATH: pythonPath, ATTACCA_TRANSPORT: undefined };
    const program = startProgram('python3', ['-B', file, kept.address], { environment });
    t.after(() => program.process.kill('SIGKILL'));
    for (let round = 0; round < 3; round++) {
      await program.said(new RegExp(`round ${round}`, 'u'));
      await kept.restart();
    }
    const { code, err } = await program.ended;
    assert.equal(code, 0, err);
  },
);

test('commands that wait go on with the next manager, and those that come find it', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const pool = kept.address;
  const directory = await scratch(t);
  const view = await connect({ address: pool });
  const wait = startAttacca(['wait', 'a', 'b'], { pool });
  const get = startAttacca(['get', 'a'], { pool });
  const exec = startAttacca(
    ['exec', '--in', 'a=a.txt', '--out', 'c.txt=c', '--', 'cp', 'a.txt', 'c.txt'],
    {
      pool,
      directory,
    },
  );
  const jobs = startAttacca(['run', '-j', '1', '-'], {
    pool,
    directory,
    input: '--in c=d.txt --out b.txt=b -- cp d.txt b.txt\n',
  });
  for (const name of ['a', 'b', 'c']) await untilDemanded(view, name);
  // Each of them is in: who comes while nobody serves is sent away.
  while (Number((await view.stat('a'))['requires']) < 3) await setImmediate();
  while ((await view.members()).length < 4) await setImmediate();
  await view.close();
  await kept.restart();
  const put = await attacca(['put', '--name', 'a', '-'], { pool, input: 'hello' });
  assert.equal(put.code, 0, put.err);
  for (const { ended } of [wait, get, exec, jobs]) {
    const { code, err } = await ended;
    assert.equal(code, 0, err);
  }
  assert.equal((await get.ended).out, 'hello');
  await kept.restart();
  const again = await attacca(['get', 'b'], { pool });
  assert.equal(again.out, 'hello', again.err);
  const stopped = await attacca(['stop'], { pool });
  assert.equal(stopped.code, 0, stopped.err);
  assert.match(stopped.err, /what it keeps is there when its --data is served again/u);
  await kept.start();
  assert.equal((await attacca(['get', 'a'], { pool })).out, 'hello');
});
