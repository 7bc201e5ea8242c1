// Encoded bytes are decoded by the thread that measures them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { Reader } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import type { Space } from '../../src/core/space.js';
import { measure } from '../../src/core/statistics/measure.js';
import { readStatistics } from '../../src/core/statistics/statistics-codec.js';
import type { MeasureResult } from '../../src/pool/input.js';
import type { MeasureAsked } from '../../src/pool/state.js';
import { decodedFor } from '../../src/server/decoding.js';
import { Measurer } from '../../src/server/measurer.js';
import { planChain, runChain } from '../../src/transforms/chain.js';
import type { TransformSpec } from '../../src/transforms/spec.js';

const COUNT = 50_000;
const SPACE: Space = { dtype: 'float32', shape: [COUNT], order: 'row', byteOrder: 'little' };
const KIND = { dtype: 'float32', byteOrder: 'little', fills: [] } as const;
const VALUES = Float32Array.from({ length: COUNT }, (_, at) => (at === 7 ? Number.NaN : at % 997));
const ELEMENTS = new Uint8Array(VALUES.buffer);

const how = (chain: readonly TransformSpec[], space = SPACE): string =>
  JSON.stringify({ space, chain });

async function encoded(chain: readonly TransformSpec[]): Promise<Uint8Array> {
  const block = { space: SPACE, bytes: ELEMENTS };
  const { bytes } = await runChain(planChain(chain, SPACE).steps, block, () => {
    throw new Error('no chain of this test runs code');
  });
  return bytes.slice();
}

const CHAINS: readonly (readonly TransformSpec[])[] = [
  [{ kind: 'compress', codec: 'zstd' }],
  [
    { kind: 'shuffle', itemSize: 4 },
    { kind: 'compress', codec: 'lz4' },
  ],
  [
    { kind: 'byte-order', byteOrder: 'big' },
    { kind: 'compress', codec: 'gzip' },
  ],
  [
    { kind: 'dtype', dtype: 'float64' },
    { kind: 'compress', codec: 'blosc' },
  ],
];

test('what chains have made is decoded to what went in', async () => {
  for (const chain of CHAINS) {
    const found = await decodedFor(how(chain), KIND, await encoded(chain));
    assert.ok(found !== null, JSON.stringify(chain));
    assert.deepEqual(measure(KIND, found), measure(KIND, ELEMENTS));
  }
});

test('what is damaged, too large or not what it says is decoded to nothing', async () => {
  const [chain = []] = CHAINS;
  const bytes = await encoded(chain);
  const tooLarge = { ...SPACE, shape: [LIMITS.measuredDecodedBytesMax] };
  const widened: TransformSpec = {
    ...{ kind: 'decompress', codec: 'zstd', space: tooLarge },
  };
  for (const [text, payload, measured = KIND] of [
    ['', bytes],
    [how(chain), bytes.subarray(0, bytes.length - 9)],
    [how(chain), new Uint8Array(40)],
    [how(chain), bytes, { ...KIND, dtype: 'float64' } as const],
    [how(chain, { ...SPACE, shape: [COUNT + 1] }), bytes],
    [how(chain, tooLarge), bytes],
    // Nothing undoes it.
    [how([{ kind: 'decimate', every: [2] }, ...chain]), bytes],
    // It is small in the end, and large on the way.
    [how([...chain, widened, ...chain]), bytes],
  ] as const) {
    assert.equal(await decodedFor(text, measured, payload), null, text);
  }
});

for (const hasMemory of [true, false]) {
  const where = hasMemory ? 'in memory' : 'where no thread can see memory';
  test(`a thread decodes and measures: ${where}, and out of messages`, async (t) => {
    const begun: Worker[] = [];
    const note = (worker: Worker): void => void begun.push(worker);
    process.on('worker', note);
    t.after(() => void process.off('worker', note));
    t.after(() => Promise.all(begun.map((worker) => worker.terminate())));
    const ticking = setInterval(() => {}, 1_000);
    t.after(() => clearInterval(ticking));
    const [chain = []] = CHAINS;
    const bytes = await encoded(chain);
    let pins = 0;
    const told: MeasureResult[] = [];
    const all = new Promise<void>((resolve) => {
      const measurer = new Measurer({
        ...(hasMemory ? {} : { loadLibc: async () => null }),
        pin: async () => {
          pins++;
          return { bytes: bytes.slice(), release: () => void pins-- };
        },
        tell: (results) => {
          told.push(...results);
          if (told.length === 3) resolve();
        },
      });
      const place = { slab: 1, offset: 0, size: bytes.length, ...KIND };
      const asked: MeasureAsked[] = [
        { ask: 1, ...place, encoded: { how: how(chain), inline: null } },
        { ask: 2, ...place, slab: 0, encoded: { how: how(chain), inline: bytes } },
        { ask: 3, ...place, encoded: { how: '[]', inline: null } },
      ];
      measurer.ask(asked);
    });
    await all;
    for (const { ask, statistics } of told) {
      if (ask === 3) assert.equal(statistics, null);
      else {
        assert.ok(statistics !== null);
        assert.deepEqual(readStatistics(new Reader(statistics)), measure(KIND, ELEMENTS));
      }
    }
    assert.deepEqual(told.map(({ ask }) => ask).sort(), [1, 2, 3]);
    assert.equal(pins, 0, 'all pins are given back');
  });
}
