import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import type { Contender, Samples } from '../../bench/harness/benchmark.js';
import { inTurn, Runner, type RunnerOptions } from '../../bench/harness/runner.js';
import { within } from '../../bench/harness/within.js';

function runnerOf(wish: Partial<RunnerOptions> = {}): Runner {
  return new Runner({
    size: 's',
    rounds: 3,
    quietMs: 0,
    python: null,
    memoryRoot: tmpdir(),
    diskRoot: tmpdir(),
    without: [],
    only: [],
    say: () => {},
    ...wish,
  });
}

const RATE = { name: 'rate', unit: '1/s', better: 'higher' } as const;

function contender(
  name: string,
  kind: Contender['kind'],
  measure: () => Promise<Samples>,
): Contender {
  return { name, kind, measure };
}

test('all are measured in each round, another one first each time', async () => {
  const order: string[] = [];
  const one = (name: string, kind: Contender['kind']): Contender =>
    contender(name, kind, async () => {
      order.push(name);
      return { rate: 1 };
    });
  const runner = runnerOf();
  await runner.compare([one('attacca', 'product'), one('a', 'rival'), one('b', 'limit')], [RATE]);
  assert.deepEqual(order.join(' '), 'attacca a b a b attacca b attacca a');
  assert.equal(runner.judged.length, 1);
  assert.deepEqual(inTurn([], 4), []);
});

test('only what is named is measured: comparisons by metrics, contenders beside the product', async () => {
  const measuredWith = async (only: readonly string[]): Promise<string> => {
    const order: string[] = [];
    const one = (metric: string, name: string, kind: Contender['kind']): Contender =>
      contender(name, kind, async () => {
        order.push(`${metric}:${name}`);
        return { [metric]: 1 };
      });
    const runner = runnerOf({ only, rounds: 1 });
    const [all, kept, paced] = ['all', 'kept', 'paced'].map((name) => ({ ...RATE, name }));
    assert.ok(all !== undefined && kept !== undefined && paced !== undefined);
    await runner.compare([one('all', 'attacca', 'product'), one('all', 'a', 'rival')], [all]);
    // As with batches: the metric of one comparison is a limit in others.
    const limit = one('kept', 'all', 'limit');
    await runner.compare([one('kept', 'attacca', 'product'), limit], [kept]);
    await runner.compare([one('paced', 'attacca', 'product'), one('paced', 'b', 'limit')], [paced]);
    return order.join(' ');
  };
  assert.equal(await measuredWith(['all']), 'all:attacca all:a');
  assert.equal(await measuredWith(['kept']), 'kept:attacca kept:all');
  assert.equal(await measuredWith(['b']), 'paced:attacca paced:b');
  assert.equal(await measuredWith(['all', 'kept']), 'all:attacca all:a kept:attacca kept:all');
  assert.equal(await measuredWith(['nothing']), '');
});

test('a rival that fails is named, tried twice, and hurts nobody', async () => {
  let tries = 0;
  const runner = runnerOf({ rounds: 5 });
  await runner.compare(
    [
      contender('attacca', 'product', async () => ({ rate: 1 })),
      contender('b', 'rival', async () => {
        tries++;
        throw new Error('it is broken');
      }),
    ],
    [RATE],
  );
  assert.equal(tries, 2);
  assert.deepEqual(runner.skipped, [{ what: 'b', why: 'it failed: it is broken' }]);
  assert.equal(runner.failed, false);
  assert.deepEqual(runner.judged[0]?.metric.rivals, {});
});

test('when the product fails the run has failed', async () => {
  const runner = runnerOf();
  const broken = contender('attacca', 'product', async () => {
    throw new Error('it is broken');
  });
  await runner.compare([broken], [RATE]);
  assert.equal(runner.failed, true);
  assert.deepEqual(runner.judged, []);
});

test('one that is not installed is skipped with the line that installs it', async () => {
  const runner = runnerOf();
  const measure = async (): Promise<Samples> => assert.fail('it is not here');
  await runner.compare(
    [{ name: 'ray', kind: 'rival', absent: 'not installed; install with: x', measure }],
    [RATE],
  );
  assert.deepEqual(runner.skipped, [{ what: 'ray', why: 'not installed; install with: x' }]);
});

test('directories of a measurement are gone after it', async () => {
  const paths: string[] = [];
  const runner = runnerOf({ rounds: 1 });
  const looks: Contender = {
    name: 'attacca',
    kind: 'product',
    async measure({ memoryDirectory, diskDirectory }) {
      paths.push(memoryDirectory, diskDirectory);
      assert.ok(paths.every(existsSync));
      return { rate: 1 };
    },
  };
  await runner.compare([looks], [RATE]);
  assert.equal(paths.length, 2);
  assert.ok(!paths.some(existsSync));
  assert.deepEqual(runner.directories, []);
});

test('a measurement that hangs ends at its limit', async () => {
  await assert.rejects(within(10, new Promise(() => {})), /not done within 10 ms/);
  assert.equal(await within(1_000, Promise.resolve(5)), 5);
});
