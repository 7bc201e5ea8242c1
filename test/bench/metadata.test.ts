import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { Driver, fetchTogether } from '../../bench/metadata/drive.js';
import {
  exactQuestion,
  infixQuestion,
  objectOf,
  PATTERNS,
  type Population,
  partialQuestion,
  type Question,
  rangeQuestion,
} from '../../bench/metadata/objects.js';
import { keptSpecs, metricName, PARTS, specsOf, warmingOf } from '../../bench/metadata/parts.js';
import { columnsSchema, jsonbSchema, Parameters } from '../../bench/metadata/postgres-schemas.js';
import { type MetadataStore, selectorOf } from '../../bench/metadata/store.js';
import { poolStore } from '../../bench/product/metadata.js';
import { parseSelector } from '../../src/core/selector/parser.js';
import { testPool } from '../../src/testing/index.js';
import { pythonOptions } from '../clients/python.js';
import { MemoryStore } from './memory-store.js';

const COUNT = 1_000;

function populations(): Population[] {
  return PATTERNS.map((pattern) => ({ pattern, count: COUNT }));
}

async function loaded(population: Population, store = new MemoryStore()): Promise<MemoryStore> {
  await new Driver(store, population).create({ from: 0, count: COUNT, isFirst: true });
  return store;
}

function questionsOf(population: Population): Question[] {
  const described = objectOf(population, 137);
  return [
    exactQuestion(described),
    infixQuestion(described),
    partialQuestion(3),
    rangeQuestion(population, 5),
  ];
}

test('no two objects of a pattern have a name, a label or an energy in common', () => {
  for (const population of populations()) {
    const all = Array.from({ length: COUNT }, (_, index) => objectOf(population, index));
    assert.equal(new Set(all.map(({ object }) => object)).size, COUNT);
    assert.equal(new Set(all.map(({ attributes }) => attributes.label)).size, COUNT);
    assert.equal(new Set(all.map(({ attributes }) => attributes.energy)).size, COUNT);
    assert.ok(all.every(({ attributes }) => attributes.label.length === 24));
    const names = new Set(all.map(({ attributes }) => attributes.name)).size;
    assert.equal(names, { one: 1, four: 4, unique: COUNT }[population.pattern]);
  }
});

test('questions find one object, or a hundredth of them', async () => {
  for (const population of populations()) {
    const store = await loaded(population);
    for (let turn = 0; turn < 20; turn++) {
      const described = objectOf(population, turn * 47);
      assert.deepEqual(store.names(exactQuestion(described)), [described.object]);
      assert.ok(store.names(infixQuestion(described)).includes(described.object));
      assert.equal(store.names(partialQuestion(turn)).length, COUNT / 100);
      assert.equal(store.names(rangeQuestion(population, turn)).length, COUNT / 100);
    }
  }
});

test('objects beyond the count are found by no question for a part of them', async () => {
  for (const population of populations()) {
    const store = await loaded(population);
    await new Driver(store, population).warmUp({ from: 2 * COUNT, count: COUNT });
    await new Driver(store, population).create({ from: COUNT, count: COUNT, isFirst: false });
    assert.equal(store.size, 3 * COUNT);
    assert.equal(store.settled, 1);
    for (let turn = 0; turn < 20; turn++) {
      assert.equal(store.names(partialQuestion(turn)).length, COUNT / 100);
      assert.equal(store.names(rangeQuestion(population, turn)).length, COUNT / 100);
    }
  }
});

test('questions are selectors', () => {
  for (const population of populations()) {
    for (const question of questionsOf(population)) parseSelector(selectorOf(question));
  }
  const [exact, infix] = questionsOf({ pattern: 'four', count: COUNT });
  assert.equal(
    selectorOf(exact ?? {}),
    'variable = "ey" and time_step = 34 and user = "user37" and app = "vorpal"',
  );
  assert.match(selectorOf(infix ?? {}), /^label infix "[a-z2-7]{8}"$/);
});

test('questions are conditions of SQL, with all values apart', () => {
  const parameters = new Parameters();
  const question = { equal: { app: 'vpic', tagged: 'yes' }, infix: { key: 'label', text: 'abc' } };
  assert.equal(
    columnsSchema.where(question, parameters),
    'o."app" = $1 AND o.id IN (SELECT object FROM tags WHERE key = $2 AND value = $3)' +
      ' AND o."label" LIKE $4',
  );
  assert.deepEqual(parameters.values, ['vpic', 'tagged', 'yes', '%abc%']);
  const others = new Parameters();
  assert.equal(
    jsonbSchema.where(question, others),
    "o.attributes @> $1::jsonb AND (o.attributes->>'label') LIKE $2",
  );
  assert.deepEqual(others.values, [question.equal, '%abc%']);
});

test('every part of the benchmark is driven, and its answers are checked', async () => {
  for (const population of populations()) {
    await driveAll(await loaded(population), population);
  }
});

async function driveAll(store: MetadataStore, population: Population): Promise<void> {
  const driver = new Driver(store, population);
  await driver.exact();
  await driver.exactTogether();
  await driver.partial();
  await driver.range();
  await driver.infix();
  await driver.tagEach({ tags: 100 });
  assert.deepEqual(await driver.countTags({ tags: 100 }), { count: 10 });
  await driver.tagWhere();
  for (const every of [100, 5]) {
    await driver.group({ every });
    const { startNs, endNs } = await fetchTogether([driver, driver], { every, population });
    assert.ok(endNs > startNs);
  }
}

test('a store that loses an object is found out', async () => {
  const population = { pattern: 'one', count: COUNT } as const;
  class Losing extends MemoryStore {
    override names(question: Question): string[] {
      return super.names(question).slice(1);
    }
  }
  const driver = new Driver(await loaded(population, new Losing()), population);
  await assert.rejects(driver.exact(), /is found instead of/);
  await assert.rejects(driver.exactTogether(), /is found instead of/);
  await assert.rejects(driver.partial(), /9 names are found instead of 10/);
  await assert.rejects(driver.range(), /9 names are found instead of 10/);
  await assert.rejects(driver.infix(), /is not found/);
  await driver.tagEach({ tags: 100 });
  await assert.rejects(driver.countTags({ tags: 100 }), /9 tags are found instead of 10/);
  await assert.rejects(driver.tagWhere(), /9 are tagged instead of 10/);
  await driver.group({ every: 5 });
  await assert.rejects(fetchTogether([driver], { every: 5, population }), /199 objects of/);
});

test('a store that finds others, as many as it should, is found out', async () => {
  const population = { pattern: 'one', count: COUNT } as const;
  class Mistaken extends MemoryStore {
    override names(question: Question): string[] {
      return super.names(question).map(() => 'vpic/user00/particles/0');
    }
  }
  const driver = new Driver(await loaded(population, new Mistaken()), population);
  await assert.rejects(driver.exact(), /"vpic\/user00\/particles\/0" is found instead of/);
  await assert.rejects(driver.partial(), /10 names are found instead of 10/);
  await driver.group({ every: 5 });
  await assert.rejects(
    fetchTogether([driver], { every: 5, population }),
    /200 objects of 0 steps instead of/,
  );
});

test('the product answers every part of the benchmark', async () => {
  for (const population of populations()) {
    await using pool = await testPool();
    const store = await poolStore(pool.address, 0);
    const driver = new Driver(store, population);
    const { perSecond } = await driver.create({ from: 0, count: COUNT, isFirst: true });
    assert.ok(perSecond > 0);
    await driveAll(store, population);
    await assert.rejects(store.tag(['nobody'], 'quality', 'q1'), { code: 'unknown-object' });
    await store.close();
  }
});

test('what is loaded before is a tenth at most: some index it in the time of the others', () => {
  assert.deepEqual([10_000, 100_000, 1_000_000].map(warmingOf), [1_000, 10_000, 10_000]);
});

test('every metric is named after its count and pattern, once', () => {
  for (const population of populations()) {
    const specs = [...specsOf(population), ...keptSpecs(population)].map(({ name }) => name);
    assert.equal(new Set(specs).size, specs.length);
    assert.ok(specs.every((name) => name.endsWith(`_1e3_${population.pattern}`)));
    for (const { metric } of PARTS) {
      if (metric !== null) assert.ok(specs.includes(metricName(metric, population)));
    }
  }
});

const PROGRAM = `
import json, sys
sys.path.insert(0, sys.argv[1])
from metadata_objects import *
found = []
for pattern in ("one", "four", "unique"):
    population = Population(pattern, 1000)
    for index in (0, 1, 137, 999, 1000, 2500, 123456789):
        name, attributes = population.object(index)
        questions = [exact_question(attributes), infix_question(attributes)]
        found.append([name, dict(zip(KEYS, attributes)), *questions])
    for turn in range(12):
        found.append([partial_question(turn), population.range_question(turn)])
print(json.dumps(found))
`;

test('objects and questions are the same in Python', pythonOptions, () => {
  const sources = resolve(import.meta.dirname, '../../../bench/python');
  const { stdout, stderr } = spawnSync('python3', ['-B', '-c', PROGRAM, sources], {
    encoding: 'utf8',
  });
  const listed = ({ range, infix, ...others }: Question): object => ({
    ...others,
    ...(range === undefined ? {} : { range: [range.key, range.low, range.high] }),
    ...(infix === undefined ? {} : { infix: [infix.key, infix.text] }),
  });
  const expected = populations().flatMap((population) => [
    ...[0, 1, 137, 999, 1_000, 2_500, 123_456_789].map((index) => {
      const described = objectOf(population, index);
      const questions = [exactQuestion(described), infixQuestion(described)];
      return [described.object, described.attributes, ...questions.map(listed)];
    }),
    ...Array.from({ length: 12 }, (_, turn) =>
      [partialQuestion(turn), rangeQuestion(population, turn)].map(listed),
    ),
  ]);
  assert.equal(stderr, '');
  assert.deepEqual(JSON.parse(stdout), expected);
});
