import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nowNs } from '../../bench/harness/take-part.js';
import { rateOf } from '../../bench/pool-rate/benchmark.js';
import { driveBatches } from '../../bench/pool-rate/drive.js';
import type { Publisher } from '../../bench/pool-rate/workload.js';

test('batches are as large as asked for, and are counted while the span lasts', async () => {
  const sizes: number[] = [];
  let endNs = Number.POSITIVE_INFINITY;
  const span = {
    startNs: 0,
    get endNs() {
      return endNs;
    },
  };
  const publisher: Publisher = {
    async offerMany(fields) {
      sizes.push(fields.length);
      // The tenth is over before it is taken, and so are those beside it.
      if (sizes.length === 10) endNs = nowNs();
    },
    offer: () => Promise.reject(new Error('not one by one')),
  };
  const { count } = await driveBatches('x', publisher, 50, span);
  assert.ok(sizes.length >= 10);
  assert.deepEqual(new Set(sizes), new Set([50]));
  assert.ok(count > 0 && count < 500 && count % 50 === 0, `${count}`);
});

test('a span in which nothing ended is no rate of 0', () => {
  assert.equal(rateOf([{ count: 100 }, { count: 0 }], 500), 200);
  assert.throws(() => rateOf([{ count: 0 }, { count: 0 }], 500), /nothing ended within 500 ms/u);
});
