import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, type Running, startProgram, untilDemanded } from '../cli/command.js';
import { KeptPool } from '../server/kept-pool.js';
import { pythonOptions, pythonPath } from './python.js';

const TRANSPORTS = ['shared-memory', 'socket'] as const;

/** Starts a program in Python that has joined as `pool`; it may wait for a line of its input. */
async function program(t: TestContext, address: string, transport: string, source: string) {
  const file = joinPath(await filesOf(t), 'program.py');
  const joined = ['import attacca', `pool = attacca.join("python", transport="${transport}")`];
  await writeFile(file, [...joined, source].join('\n'));
  const running: Running = startProgram('python3', ['-B', file], {
    pool: address,
    environment: { PYTHONPATH: pythonPath, ATTACCA_TRANSPORT: undefined },
    input: null,
  });
  t.after(() => running.process.kill('SIGKILL'));
  return running;
}

const TAKES = `
with pool.demand_group("step") as step:
    print(step.attributes["step"], step.names, [bytes(one) == one.nbytes * b"x" for one in step])
    print(step["large"].space.shape, flush=True)
    input()
    print("still", bytes(step["large"]) == 200_000 * b"x")
pool.leave()
`;

test(
  'Python has a group that TypeScript offers, and holds what is withdrawn',
  pythonOptions,
  async (t) => {
    await using pool = await testPool();
    await using member = await join({ address: pool.address, member: 'model' });
    await using view = await connect({ address: pool.address });
    for (const transport of TRANSPORTS) {
      const taking = await program(t, pool.address, transport, TAKES);
      await untilDemanded(view, 'step');
      const step = member.group('step', { attributes: { step: 24 } });
      step.add('small', new Uint8Array(9).fill(120));
      step.add('large', new Uint8Array(200_000).fill(120), { space: { shape: [2, 100_000] } });
      await step.offer();
      const told = await taking.said(/100000\)\n/u);
      assert.equal(told, "24 ('small', 'large') [True, True]\n(2, 100000)\n");
      const withdrawn = step.withdraw();
      await member.put(`other/${transport}`, new Uint8Array(200_000).fill(121));
      taking.process.stdin?.end('\n');
      const { code, out, err } = await taking.ended;
      assert.deepEqual([code, out.slice(told.length), err], [0, 'still True\n', '']);
      await withdrawn;
    }
  },
);

test('Python has a group that a shell has put', pythonOptions, async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await writeFile(joinPath(directory, 'f.bin'), 'x'.repeat(200_000));
  const put = ['put', '--group', 'step', 'large=f.bin', 'more=f.bin', '-a', 'step=24'];
  assert.equal((await attacca(put, around)).code, 0);
  const taking = await program(t, pool.address, 'shared-memory', TAKES);
  taking.process.stdin?.end('\n');
  const { code, out, err } = await taking.ended;
  assert.deepEqual(
    [code, out, err],
    [0, "24 ('large', 'more') [True, True]\n(200000,)\nstill True\n", ''],
  );
});

const OFFERS = `
with pool.group("step", {"step": 24}) as step:
    step.add("small", b"xxxxxxxxx")
    large = step.object("large", dtype="uint8", shape=(2, 100_000))
    large.raw[:] = 200_000 * b"x"
    print("made", flush=True)
    if input() == "offer":
        step.offer()
        print("offered", flush=True)
        input()
        step.withdraw()
pool.leave()
`;

test('TypeScript and a shell have a group that Python offers', pythonOptions, async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'view' });
  for (const transport of TRANSPORTS) {
    const offering = await program(t, pool.address, transport, OFFERS);
    const group = member.group('step');
    await group.require();
    offering.process.stdin?.write('offer\n');
    await offering.said(/offered/u);
    const query = ['query', 'step = 24 or name in ["small", "large"]'];
    const found = await attacca(query, { pool: pool.address });
    assert.deepEqual(found.out.trim().split('\n').sort(), ['large', 'small', 'step'], found.err);
    offering.process.stdin?.end('\n');
    await using step = await group.demand();
    assert.deepEqual([...step.views.keys()], ['small', 'large']);
    assert.equal(step.attributes['step'], 24);
    assert.deepEqual(step.get('large').space.shape, [2, 100_000]);
    for (const { bytes } of step) assert.ok(bytes.every((byte) => byte === 120));
    await step.dispose();
    const { code, err } = await offering.ended;
    assert.deepEqual([code, err], [0, '']);
  }
});

test(
  'a group whose producer in Python is killed before its offer was never there',
  pythonOptions,
  async (t) => {
    await using pool = await testPool();
    await using member = await join({ address: pool.address, member: 'view' });
    for (const transport of TRANSPORTS) {
      const killed = await program(t, pool.address, transport, OFFERS);
      await killed.said(/made/u);
      killed.process.kill('SIGKILL');
      assert.equal((await killed.ended).signal, 'SIGKILL');
      const found = await attacca(['query', '.state = "offered"'], { pool: pool.address });
      assert.deepEqual([found.code, found.out], [0, '']);
      const late = member.group('step').demand({ timeoutMs: 20 });
      await assert.rejects(late, { code: 'deadline-passed' });
      const next = await program(t, pool.address, transport, OFFERS);
      next.process.stdin?.write('offer\n');
      await next.said(/offered/u);
      next.process.stdin?.end('\n');
      const { code, err } = await next.ended;
      assert.deepEqual([code, err], [0, '']);
    }
  },
);

const OUTLIVES = `
large = bytes(range(256)) * 4096
for round in range(4):
    for each in range(20):
        name = f"{round}/{each}"
        with pool.group(name) as step:
            made = step.object(f"{name}/made", dtype="uint8", shape=len(large))
            made.raw[:] = large
            step.add(f"{name}/added", large)
            step.offer(keep=True)
        try:
            step.withdraw()
        except attacca.AttaccaError as error:
            if error.code not in ("unknown-object", "wrong-state"):
                raise
    print("round", round, flush=True)
pool.leave()
`;

test(
  'a manager is killed: Python offers the group that it was offering to the next',
  pythonOptions,
  async (t) => {
    for (const shm of [true, false]) {
      const kept = await KeptPool.make(t, { shm });
      await kept.start();
      const offering = await program(t, kept.address, shm ? 'shared-memory' : 'socket', OUTLIVES);
      for (let round = 0; round < 3; round++) {
        await offering.said(new RegExp(`round ${round}`, 'u'));
        await kept.restart();
      }
      const { code, err } = await offering.ended;
      assert.deepEqual([code, err], [0, '']);
    }
  },
);

const SAFE = `
with pool.group("step") as step:
    step.add("large", bytes(range(256)) * 4096)
    step.offer(keep=True, durability="fsync")
pool.leave()
`;

test('Python offers a group that outlives the host', pythonOptions, async (t) => {
  const directory = await filesOf(t);
  const [data, store] = ['data', 'store'].map((name) => joinPath(directory, name));
  await using pool = await testPool({ data, store });
  await using view = await join({ address: pool.address, member: 'view' });
  for (const transport of TRANSPORTS) {
    const { code, err } = await (await program(t, pool.address, transport, SAFE)).ended;
    assert.deepEqual([code, err], [0, '']);
    assert.equal((await view.stat('large'))['durability'], 'fsync');
    await view.unkeep('step');
  }
});
