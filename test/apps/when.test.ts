import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type WhenOptions, type WhenSummary, when } from '../../src/apps/index.js';
import { mistypedPlaceholder } from '../../src/apps/program.js';
import { join, type Pool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';

async function putAll(pool: Pool, ...names: string[]): Promise<void> {
  for (const name of names) await pool.put(name, new Float64Array(1));
}

/** Runs a trigger of its own member until it ends. */
async function triggered(
  address: string,
  options: Omit<WhenOptions, 'name'>,
): Promise<WhenSummary> {
  await using pool = await join({ address, member: 'trigger[*]' });
  return await when(pool, { name: 'tried', ...options });
}

test('what fails and waits to be tried again keeps nobody from a run', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await putAll(member, 'bad/1', 'bad/2', 'bad/3', 'good/1', 'good/2');
  const stop = new AbortController();
  const good: string[] = [];
  const run = async ({ name }: { readonly name: string }): Promise<void> => {
    if (name.startsWith('bad')) throw new Error('never');
    if (good.push(name) === 2) stop.abort();
  };
  const how = { jobs: 1, retries: 100, backoffMs: 60_000, signal: stop.signal };
  const { done, failed } = await triggered(pool.address, { ...how, run });
  assert.deepEqual([good, done, failed], [['good/1', 'good/2'], 2, 0]);
});

test('many that wait to be tried again are no leak', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const names = Array.from({ length: 15 }, (_, at) => `bad/${at}`);
  await putAll(member, ...names);
  const warnings: string[] = [];
  const note = ({ name }: Error): number => warnings.push(name);
  process.on('warning', note);
  const stop = new AbortController();
  let failed = 0;
  const { cut } = await triggered(pool.address, {
    ...{ jobs: 1, retries: 1, backoffMs: 60_000, signal: stop.signal },
    run: async () => {
      throw new Error('not now');
    },
    onRetry: () => {
      // When the last one waits, too.
      if (++failed === names.length) setImmediate(() => stop.abort());
    },
  });
  process.off('warning', note);
  assert.deepEqual([cut, warnings], [names.length, []]);
});

test('what waited to be tried again when it all ended is run again by the next one', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await putAll(member, 'bad');
  const stop = new AbortController();
  const ids: string[] = [];
  const first = await triggered(pool.address, {
    ...{ retries: 3, backoffMs: 60_000, signal: stop.signal },
    run: async (_, { id }) => {
      ids.push(id);
      throw new Error('not now');
    },
    onRetry: (_, { attempt, againMs }) => {
      assert.deepEqual([attempt, againMs], [1, 60_000]);
      stop.abort();
    },
  });
  assert.deepEqual([first.cut, first.failed], [1, 0]);
  const run = async (_: unknown, { id }: { readonly id: string }): Promise<void> => {
    ids.push(id);
  };
  const second = await triggered(pool.address, { count: 1, run });
  assert.equal(second.done, 1);
  assert.equal(new Set(ids).size, 1, 'it is the same run');
});

test('a trigger that was forgotten gives other work another id', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const ids: string[] = [];
  const once = async (): Promise<void> => {
    const run = async (_: unknown, { id }: { readonly id: string }): Promise<void> => {
      ids.push(id);
    };
    await triggered(pool.address, { count: 1, forget: true, run });
    const { subscriptions } = await member.info();
    assert.deepEqual(subscriptions, [], 'nothing of it is known');
  };
  for (const value of [1, 2]) {
    await member.put('x', Float64Array.of(value));
    await once();
    await member.delete('x');
  }
  assert.equal(new Set(ids).size, 2);
});

test('who forbids that a run is told does not forbid the run', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await using guard = await member.subscribe({
    ...{ kinds: ['when.done', 'when.failed'], when: 'before', acknowledge: true },
  });
  const forbidding = (async () => {
    for await (const event of guard) await guard.veto(event, 'silence');
  })();
  // As long as is told of it, and no half of a pair at its end.
  await putAll(member, 'x', 'y');
  const run = async ({ name }: { readonly name: string }): Promise<void> => {
    if (name === 'y') throw new Error(`a${'\u{1f600}'.repeat(2_000)}`);
  };
  const { done, failed } = await triggered(pool.address, { count: 2, run });
  assert.deepEqual([done, failed], [1, 1]);
  await guard.close();
  await forbidding;
});

test('braces of a program stay; what is almost a placeholder is told', () => {
  const own = [
    '{print}',
    '\u0024{nam}',
    '{}',
    '{date}',
    '{node}',
    '{name}',
    '{attributes.step}',
    '{ nam}',
  ];
  assert.equal(mistypedPlaceholder(['awk', ...own]), null);
  for (const [found, meant] of [
    ['{nam}', '{name}'],
    ['{nmae}', '{name}'],
    ['{members}', '{member}'],
    ['{attribute.step}', '{attributes.step}'],
  ] as const) {
    assert.deepEqual(mistypedPlaceholder(['x', `y${found}z`]), { found, meant });
  }
});
