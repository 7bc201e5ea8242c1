import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { problemsOf, type TraceRecord } from '../apps/traced-run.js';
import { attacca, filesOf, jsonLines, startProgram } from '../cli/command.js';
import { pythonOptions as options, pythonPath } from './python.js';

const PROGRAM = `
import attacca, threading
with attacca.join("model") as model, attacca.join("plot") as plot:
    model.offer("t/1", b"1234", attributes={"param": "t"})
    plot.wait(name="t/1")
    try:
        plot.demand("t/2", timeout=0.01)
    except attacca.AttaccaError:
        pass
    need = plot.require("t/1")
    thread = threading.Thread(target=lambda: need.demand().dispose())
    thread.start()
    thread.join()
    with model.group("g") as group:
        group.add("g/x", b"x")
        group.offer()
    with plot.demand_all('param = "t"') as all:
        all.next(10)
    try:
        model.offer(None)
    except Exception:
        pass
    print("done")
`;

test('a program in Python tells of its calls, as one in TypeScript does', options, async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const run = (ATTACCA_TRACE: string) => {
    const environment = { ATTACCA_TRACE, PYTHONPATH: pythonPath };
    const how = { pool: pool.address, directory, environment };
    return startProgram('python3', ['-B', '-c', PROGRAM], how).ended;
  };
  const beganUs = Date.now() * 1_000;
  const { code, out, err } = await run('calls.jsonl');
  assert.deepEqual([code, out, err], [0, 'done\n', '']);
  const calls = jsonLines(await readFile(joinPath(directory, 'calls.jsonl'), 'utf8'));
  assert.deepEqual(
    calls.map(({ member, call, object, outcome }) => [member, call, object, outcome].join(' ')),
    [
      'model offer t/1 ok',
      // What a call calls in its turn is not told: a wait is no demand.
      'plot wait t/1 ok',
      'plot demand t/2 deadline-passed',
      'plot require t/1 ok',
      'plot demand t/1 ok',
      'model offer g ok',
      'plot demand_all  ok',
      'plot next t/1 ok',
      'model offer  AttributeError',
      'plot leave  ok',
      'model leave  ok',
    ],
  );
  for (const { startUs, durationUs, process } of calls) {
    assert.ok(Number(startUs) >= beganUs && Number(startUs) <= Date.now() * 1_000);
    assert.ok(Number(durationUs) >= 0 && Number(process) > 0);
  }
  const waited = calls.find(({ outcome }) => outcome === 'deadline-passed');
  assert.ok(Number(waited?.['durationUs']) >= 10_000, 'as long as its deadline');

  await using member = await join({ address: pool.address, member: 'm' });
  await (await member.promise('nothing')).close();
  const line = ['tracer', '-f', 'perfetto', '-o', 't.json', '--from', 'start', '--complete'];
  const around = { pool: pool.address, directory };
  const traced = await attacca([...line, '--calls', 'calls.jsonl'], around);
  assert.equal(traced.code, 0, traced.err);
  const trace = await readFile(joinPath(directory, 't.json'), 'utf8');
  const records = JSON.parse(trace) as TraceRecord[];
  assert.deepEqual(problemsOf(records), []);
  assert.equal(records.filter(({ cat, ph }) => cat === 'call' && ph === 'X').length, calls.length);

  const none = await run('no-such-directory/calls.jsonl');
  assert.deepEqual([none.code, none.out], [0, 'done\n'], none.err);
  assert.match(none.err, /RuntimeWarning: Cannot write a trace of calls: .*No such file/u);
});
