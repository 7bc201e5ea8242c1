import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type OpenObject,
  type Pool,
  RegionTransfer,
  type TransformSpec,
} from '../../src/client/index.js';
import { fc } from '../fast-check.js';
import { placesOf, regionsOf } from '../regions.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const SHAPE = [6, 5] as const;
const SPACE = { dtype: 'float32', shape: SHAPE } as const;

for (const transport of TRANSPORTS) {
  describe(`open objects over ${transport}`, () => {
    const two = async (t: Parameters<typeof servePool>[0]): Promise<[Pool, Pool]> => {
      const server = await servePool(t);
      const [one, other] = await Promise.all([
        joinApart(server, 'a', { transport }),
        joinApart(server, 'b', { transport }),
      ]);
      t.after(() => Promise.all([one.close(), other.close()]));
      return [one, other];
    };

    test('regions are written and read by two members, and the object is sealed', async (t) => {
      const [a, b] = await two(t);
      const reader = b.object('field').demand();
      const mine = await a.create('field', { space: SPACE, fill: -1, attributes: { level: 850 } });
      const theirs = await b.open<'float32'>('field');
      assert.deepEqual([theirs.attributes, theirs.consistency], [{ level: 850 }, 'posix']);
      await Promise.all([
        mine.write([0, null], Float32Array.of(0, 1, 2, 3, 4)),
        theirs.write(
          [
            [3, 5],
            [1, 5, 2],
          ],
          Float64Array.of(31, 33, 41, 43),
          { lossy: true },
        ),
      ]);
      assert.deepEqual(
        await mine.read([
          [3, 5],
          [1, 5, 2],
        ]),
        Float32Array.of(31, 33, 41, 43),
      );
      const doubles = await theirs.read([0, [0, 3]], { dtype: 'float64' });
      assert.deepEqual(doubles, Float64Array.of(0, 1, 2));
      assert.equal(
        await codeOf(theirs.write([0, null], Float64Array.of(1, 2, 3, 4, 5))),
        'lossy-conversion',
      );
      assert.equal(await codeOf(theirs.write([0, null], Float32Array.of(1))), 'size-mismatch');
      assert.equal(await codeOf(theirs.write([9, null], Float32Array.of(1))), 'bad-region');
      await theirs.close();
      await mine.seal();
      await using got = await reader;
      assert.deepEqual([...got.array].slice(0, 6), [0, 1, 2, 3, 4, -1]);
      await mine.withdraw();
      assert.equal(await codeOf(mine.read([null, null])), 'wrong-state');
    });

    test('what was written is what an array would hold, whatever is written and read', async (t) => {
      const [a, b] = await two(t);
      let run = 0;
      const regions = fc.array(regionsOf(SHAPE), { minLength: 1, maxLength: 6 });
      const step = fc.record({ writes: regions, reads: regions, by: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
          const name = `x/${run++}`;
          const options = { space: SPACE, gatherBytes: 64 };
          const [mine, theirs] = [
            await a.create(name, options),
            await b.open<'float32'>(name, options),
          ];
          const model = new Float32Array(30);
          let next = 1;
          for (const { writes, reads, by } of steps) {
            const [writer, reader] = by ? [mine, theirs] : [theirs, mine];
            await Promise.all(
              writes.map((region) => {
                const values = Float32Array.from({ length: region.count }, () => next++);
                for (const [at, place] of placesOf(region).entries()) {
                  model[place] = values[at] as number;
                }
                return writer.write(selectionOf(region), values);
              }),
            );
            const got = await Promise.all(reads.map((region) => reader.read(selectionOf(region))));
            for (const [at, region] of reads.entries()) {
              assert.deepEqual(
                [...(got[at] ?? [])],
                placesOf(region).map((place) => model[place]),
              );
            }
          }
          await theirs.close();
          await mine.withdraw();
        }),
        { numRuns: 25 },
      );
      const { counts } = (await a.info()) as { counts: { versions: number } };
      assert.equal(counts.versions, 0);
    });

    test('many small writes and reads go together', async (t) => {
      const [a] = await two(t);
      const space = { dtype: 'int32', shape: [4_000, 16] } as const;
      const table = await a.create('table', { space, gatherBytes: 64 << 10 });
      const rows = Array.from({ length: 4_000 }, (_, at) => new Int32Array(16).fill(at));
      const before = await operations(a);
      await Promise.all(rows.map((row, at) => table.write([at, null], row)));
      const got = await Promise.all(rows.map((_, at) => table.read([at, [3, 5]])));
      assert.deepEqual(
        got.map(([value]) => value),
        rows.map(([value]) => value),
      );
      assert.ok((await operations(a)) - before < 40, 'not a request each');
      await table.withdraw();
    });

    test('a write larger than is staged at once comes whole', async (t) => {
      const server = await servePool(t, { memoryBytes: 512 << 20 });
      await using a = await joinApart(server, 'a', { transport });
      const space = { dtype: 'uint8', shape: [80, 1 << 20] } as const;
      const large = await a.create('large', { space });
      const bytes = new Uint8Array(80 << 20);
      for (let at = 0; at < bytes.length; at += 4_099) bytes[at] = at % 251;
      await large.write([null, null], bytes);
      assert.ok(Buffer.from(await large.read([null, null])).equals(bytes));
      await large.withdraw();
    });

    test('transfers are created, started, waited for and closed', async (t) => {
      const [a] = await two(t);
      const object = await a.create('field', { space: SPACE });
      const rows = [0, 1, 2].map((row) => new Float32Array(5).fill(row + 1));
      const transfers = rows.map((row, at) => object.transfer('write', [at, null], row));
      assert.equal((await errorOf(transfers[0]?.wait() ?? Promise.resolve())).code, 'wrong-state');
      RegionTransfer.startAll(transfers);
      assert.deepEqual(new Set(transfers.map(({ status }) => status)), new Set(['started']));
      await RegionTransfer.waitAll(transfers);
      assert.deepEqual(new Set(transfers.map(({ status }) => status)), new Set(['done']));
      const column = new Float32Array(3);
      const reading = object.transfer('read', [[0, 3], 0], column);
      reading.start();
      assert.throws(() => reading.start(), { code: 'wrong-state' });
      await reading.wait();
      assert.deepEqual(column, Float32Array.of(1, 2, 3));
      await reading.close();
      assert.equal(reading.status, 'closed');
      const late = object.transfer('read', [[0, 3], 0], column);
      await object.withdraw();
      assert.throws(() => late.start(), { code: 'wrong-state' });
    });

    test('chains are run before what is written, and over what is read', async (t) => {
      const [a, b] = await two(t);
      const space = { dtype: 'int16', shape: [4, 6] } as const;
      const mine = await a.create('packed', { space, consistency: 'commit' });
      const theirs = await b.open<'int16'>('packed');
      const pack = { kind: 'pack', scale: 0.5, offset: 100, dtype: 'int16' } as const;
      const unpack = { kind: 'scale', scale: 0.5, offset: 100 } as const;
      const values = Float32Array.of(100, 101.5, 90, 100.5, 99.5, 0);
      const at = [[1, 3], { indices: [0, 2, 5] }] as const;
      const writing = mine.write(at, values, { transforms: [pack] });
      // Goes behind what is transformed before it.
      await mine.commit();
      await writing;
      assert.deepEqual(await theirs.read(at), Int16Array.of(0, 3, -20, 1, -1, -200));
      const transforms = [unpack];
      assert.deepEqual(await theirs.read(at, { transforms, dtype: 'float32' }), values);
      const turned = await theirs.read<'float64'>(at, {
        ...{ transforms, order: 'column', dtype: 'float64' },
      });
      assert.deepEqual(turned, Float64Array.of(100, 100.5, 101.5, 99.5, 90, 0));
      const into = new Float32Array(6);
      assert.equal(await theirs.read(at, { transforms, into }), into as unknown);
      assert.deepEqual(into, values);
      const transfer = theirs.transfer('read', at, into.fill(0), { transforms });
      transfer.start();
      await transfer.wait();
      assert.deepEqual(into, values);
      // Of any number of bytes in comes what the region holds.
      const compressed = await mine.read(at, { transforms: [{ kind: 'compress', codec: 'zstd' }] });
      const as = { dtype: 'int16', shape: [2, 3], order: 'row', byteOrder: 'little' } as const;
      const decompress = { kind: 'decompress', codec: 'zstd', space: as } as const;
      const stored = theirs.transfer(
        'write',
        [
          [2, 4],
          [0, 3],
        ],
        compressed,
        {
          transforms: [decompress],
        },
      );
      stored.start();
      await stored.wait();
      assert.deepEqual([...(await theirs.read([3, [0, 3]]))], [1, -1, -200]);
      await theirs.close();
      await mine.withdraw();
    });

    test('chains that do not fit, and those of mapped buffers, are refused', async (t) => {
      const [a] = await two(t);
      const object = await a.create('x', { space: { dtype: 'int16', shape: [4, 6] } });
      const at = [null, [0, 3]] as const;
      const values = new Float32Array(12);
      const write = (...transforms: object[]) =>
        codeOf(object.write(at, values, { transforms: transforms as TransformSpec[] }));
      assert.equal(await write({ kind: 'units', from: 'K', to: 'degC' }), 'lossy-conversion');
      assert.equal(await write({ kind: 'average', block: [2, 1] }), 'lossy-conversion');
      const pack = { kind: 'pack', scale: 1, offset: 0, dtype: 'int16' };
      assert.equal(await write(pack, { kind: 'decimate', every: [2, 1] }), 'size-mismatch');
      assert.equal(await write(pack, { kind: 'transpose' }), 'bad-transform');
      assert.equal(await write(pack), 'none');
      assert.equal(await write({ kind: 'nothing' }), 'bad-transform');
      const transforms = [{ kind: 'scale', scale: 2 }] as const;
      const small = { transforms, into: new Float32Array(3) };
      assert.equal(await codeOf(object.read(at, small)), 'size-mismatch');
      const map = () => object.map(values, at, { transforms } as object);
      assert.throws(map, { code: 'bad-transform', message: /would run while others wait/u });
      const signal = AbortSignal.abort();
      assert.equal(await codeOf(object.read(at, { transforms, signal })), 'aborted');
      assert.equal(
        await codeOf(object.write(at, values, { transforms: [pack as TransformSpec], signal })),
        'aborted',
      );
      await object.withdraw();
      assert.equal(await write(pack), 'wrong-state');
    });

    for (const consistency of ['posix', 'commit', 'eventual'] as const) {
      test(`${consistency}: who locks a region after another sees what that has published`, async (t) => {
        const [a, b] = await two(t);
        const mine = await a.create('counter', {
          space: { dtype: 'int32', shape: [4] },
          consistency,
        });
        const theirs = await b.open<'int32'>('counter');
        const add = async (object: OpenObject<'int32'>): Promise<void> => {
          const buffer = new Int32Array(2);
          const { unmap } = object.map(buffer, [[1, 3]]);
          for (let round = 0; round < 20; round++) {
            // Read and write under one lock: a read lock would let another one in between.
            await using lock = await object.lock('write', [[1, 3]]);
            buffer.set(await object.read([[1, 3]]));
            buffer[0] = (buffer[0] ?? 0) + 1;
            buffer[1] = (buffer[1] ?? 0) + 2;
            await lock.release();
          }
          unmap();
        };
        await Promise.all([add(mine), add(theirs)]);
        const seen = new Int32Array(4);
        theirs.map(seen, [null]);
        await using _lock = await theirs.lock('read', [null]);
        assert.deepEqual(seen, Int32Array.of(0, 40, 80, 0));
      });
    }

    test('a lock that is not free: at once, at a deadline, and given up', async (t) => {
      const [a, b] = await two(t);
      const mine = await a.create('field', { space: SPACE });
      const theirs = await b.open('field');
      const held = await mine.lock('write', [[0, 3], null]);
      const at = [2, null] as const;
      assert.equal(await codeOf(theirs.lock('read', at, { block: false })), 'lock-conflict');
      const late = await errorOf(theirs.lock('read', at, { timeoutMs: 20 }));
      assert.match(late.message, /a holds some of the region for writing/u);
      const aborts = new AbortController();
      const given = codeOf(theirs.lock('read', at, { signal: aborts.signal }));
      aborts.abort();
      assert.equal(await given, 'aborted');
      await using _beside = await theirs.lock('write', [[3, 6], null]);
      const waiting = theirs.lock('read', at);
      await held.release();
      await held.release();
      await (await waiting).release();
    });

    test('what is open waits, ends and is refused with a reason', async (t) => {
      const [a, b] = await two(t);
      const late = await errorOf(b.open('never', { timeoutMs: 20 }));
      assert.match(late.message, /it was not created within 20 ms/u);
      await a.put('whole', Float32Array.of(1));
      assert.equal(await codeOf(b.open('whole')), 'wrong-state');
      assert.equal(await codeOf(a.create('whole', { space: SPACE })), 'already-offered');
      const mine = await a.create('field', { space: SPACE, consistency: 'session' });
      assert.equal(await codeOf(b.open('field', { space: { dtype: 'int8' } })), 'object-mismatch');
      assert.equal(await codeOf(mine.commit()), 'wrong-state');
      const theirs = await b.open('field');
      await theirs.write([0, null], new Float32Array(5).fill(7));
      assert.equal(await codeOf(mine.seal()), 'wrong-state');
      assert.deepEqual([...(await mine.read([0, [0, 2]]))], [0, 0]);
      await theirs.close();
      await theirs.close();
      assert.deepEqual([...(await mine.read([0, [0, 2]]))], [7, 7]);
      const again = await b.open('field');
      await mine.withdraw();
      assert.match((await errorOf(again.read([0, null]))).message, /its version has ended$/u);
      await again.close().catch(() => {});
      const empty = await a.create('empty', { space: { dtype: 'int8', shape: [0, 3] } });
      await empty.write([null, null], new Int8Array(0));
      assert.equal((await empty.read([null, null])).length, 0);
      await empty.seal();
    });
  });
}

type Selected = Parameters<OpenObject['write']>[0];

/** A region as a selection: its boxes, which have no element in common, then its points. */
function selectionOf(region: Parameters<typeof placesOf>[0]): Selected {
  const boxes = region.boxes.map((box) => box as Selected);
  const points = [...region.points.toIndices()].map((place) => [
    Math.floor(place / SHAPE[1]),
    place % SHAPE[1],
  ]);
  const only = boxes.length === 1 && points.length === 0 ? boxes[0] : undefined;
  return only ?? { union: points.length === 0 ? boxes : [...boxes, { points }] };
}

/** Requests that the pool has taken. */
async function operations(pool: Pool): Promise<number> {
  const { counts } = (await pool.info()) as { counts: { operations: number } };
  return counts.operations;
}
