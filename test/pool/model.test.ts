import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION } from '../../src/pool/rows.js';
import type { Harness } from './harness.js';
import {
  attempt,
  digestOf,
  operationsOf,
  report,
  type SearchOptions,
  shrink,
} from './model/search.js';

const OPERATIONS = 400;
/** One seed when a failure is looked into, else as many as are asked for. */
const SEED = Number(process.env['ATTACCA_SEED'] ?? 0);
const COUNT = Number(process.env['ATTACCA_SEEDS'] ?? 150);
const SEEDS = SEED > 0 ? [SEED] : Array.from({ length: COUNT }, (_, index) => index + 1);

test('the pool and a model made from the contract agree on every answer', () => {
  for (const seed of SEEDS) {
    const failure = attempt(seed, operationsOf(seed, OPERATIONS));
    if (failure !== null) assert.fail(report(seed, shrink(seed, failure)));
  }
});

/** The number of seeds until a planted bug is found; they must be few. */
function seedsUntilFound(seedsMax: number, options: SearchOptions): number {
  for (let seed = 1; seed <= seedsMax; seed++) {
    if (attempt(seed, operationsOf(seed, OPERATIONS), options) !== null) return seed;
  }
  return Number.POSITIVE_INFINITY;
}

type Plant = (pool: Harness) => void;

/** Bugs as they are made: each must be found by the answers alone, without the invariants. */
const CANARIES: Record<string, Plant> = {
  'a reader that disposes is not counted down': ({ pool }) => {
    const add = pool.versions.add.bind(pool.versions);
    pool.versions.add = (row, field, delta) =>
      field === VERSION.leases && delta === -1
        ? pool.versions.get(row, field)
        : add(row, field, delta);
  },
  'bytes are freed while they are read': ({ pool }) => {
    const get = pool.versions.get.bind(pool.versions);
    pool.versions.get = (row, field) => (field === VERSION.leases ? 0 : get(row, field));
  },
  'a promise by glob is forgotten': ({ pool }) => {
    pool.promiseGlobs.push = () => 0;
  },
  'a deadline passes 1 ms late': ({ pool }) => {
    const next = pool.waits.nextDeadline.bind(pool.waits);
    pool.waits.nextDeadline = () => next() + 1;
  },
  'every fifth cancel is lost': ({ pool }) => {
    let count = 0;
    const find = pool.waits.find.bind(pool.waits);
    pool.waits.find = (session, request) => {
      const wait = find(session, request);
      return wait !== 0 && ++count % 5 === 0 ? 0 : wait;
    };
  },
  'who asks for memory last is served first': ({ pool }) => {
    pool.leaseWaits.push = (each) => pool.leaseWaits.unshift(each);
  },
};

for (const [name, plant] of Object.entries(CANARIES)) {
  test(`canary: ${name}: found within 20 seeds`, () => {
    const seeds = seedsUntilFound(20, { plant, checked: false });
    assert.ok(seeds <= 20, `found after ${seeds} seeds`);
  });
}

test('the same inputs give the same bytes out', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const operations = operationsOf(seed, OPERATIONS);
    assert.equal(digestOf(seed, operations), digestOf(seed, operations));
    assert.notEqual(digestOf(seed, operations), digestOf(seed, operations.slice(1)));
  }
});
