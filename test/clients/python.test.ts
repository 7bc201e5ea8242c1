import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { attacca, type Result, startProgram } from '../cli/command.js';
import { pythonOptions as options, pythonPath } from './python.js';

const tests = resolve(pythonPath, 'tests');
/** Checks that the tests of Python ran and passed, and prints which of them were skipped, why. */
function passed(t: TestContext, { code, out, err }: Result): void {
  assert.equal(code, 0, `${out}${err}`);
  assert.match(err, /^Ran [1-9]\d* tests? in /m);
  for (const line of err.split('\n')) if (line.includes(' ... skipped ')) t.diagnostic(line);
}

/** What the one who runs the tests prefers is not what is tested. */
const environment = { ATTACCA_TRANSPORT: undefined };
const ofPython = (...args: string[]): string[] => ['python3', '-B', tests, '-v', ...args];

/** The client's tests with a pool of its own, which `attacca run` serves. */
async function withPool(t: TestContext, ...how: string[]): Promise<string> {
  const result = await attacca(['run', ...how, '--', ...ofPython('--pool')], { environment });
  passed(t, result);
  return result.err;
}

test('the Python package has our version, and no dependencies', () => {
  const project = readFileSync(resolve(pythonPath, 'pyproject.toml'), 'utf8');
  const { version } = JSON.parse(readFileSync(resolve(pythonPath, '../../package.json'), 'utf8'));
  assert.equal(/^version = "(.*)"$/mu.exec(project)?.[1], version);
  assert.match(project, /^dependencies = \[\]$/mu);
});

test('the Python client: values, vectors, and a small fake pool', options, async (t) => {
  const [program = '', ...args] = ofPython();
  passed(t, await startProgram(program, args, { environment }).ended);
});

test('the Python client: a pool with shared memory', options, async (t) => {
  const said = await withPool(t);
  // Elsewhere the pool may have none.
  if (process.platform === 'linux') assert.match(said, /test_shared_memory .* \.\.\. ok/);
});

test('the Python client: a pool without shared memory', options, async (t) => {
  const said = await withPool(t, '--no-shm');
  assert.match(said, /test_shared_memory .* \.\.\. skipped 'the pool has no shared memory'/);
});
