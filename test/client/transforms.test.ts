import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Dtype, Order, TransformSpec } from '../../src/client/index.js';
import { fc } from '../fast-check.js';
import { ADD_ONE, ASTRAY, ENDLESS, moduleOf, TRAP } from '../transforms/modules.js';
import { codeOf, errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';

/** Large enough that threads do it. */
const SIDE = 1_536;

for (const transport of TRANSPORTS) {
  describe(`transforms, by ${transport}`, () => {
    test('a large array is turned by threads, from one object and from parts', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      const values = ramp(SIDE * SIDE);
      const space = { dtype: 'float32', shape: [SIDE, SIDE] } as const;
      await pool.put('whole', values, { space });
      const parts = pool.object('parts', { space });
      const half = SIDE / 2;
      for (const [start, end] of [
        [0, half],
        [half, SIDE],
      ] as const) {
        const part = parts.region([null, { start, stride: 1, count: end - start, block: 1 }]);
        const { array } = part;
        for (let row = 0; row < SIDE; row++) {
          array.set(values.subarray(row * SIDE + start, row * SIDE + end), row * half);
        }
        await part.offer();
      }
      for (const name of ['whole', 'parts']) {
        const got = await pool.object(name).demand({ order: 'column' });
        const array = got.array as unknown as Float32Array;
        let isRight = true;
        for (let row = 0; row < SIDE; row += 7) {
          for (let column = 0; column < SIDE; column++) {
            isRight &&= array[column * SIDE + row] === row * SIDE + column;
          }
        }
        assert.ok(isRight, name);
        assert.equal(got.space.order, 'column');
        await got.dispose();
      }
      const into = new Float32Array(SIDE * SIDE);
      const scaled = await pool.object('parts').demand({
        transforms: [{ kind: 'scale', scale: 2, offset: 1 }],
        order: 'column',
        into,
      });
      assert.equal(scaled.array.length, into.length);
      assert.equal(into[SIDE], 2 * 1 + 1);
      assert.equal(into[1], 2 * SIDE + 1);
      await scaled.dispose();
      await parts.withdraw();
    });

    test('chains over regions, whatever is brought forward', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      const shape = [12, 10];
      const values = Int16Array.from({ length: 120 }, (_, at) => at * 3 - 50);
      await pool.put('packed', values, { space: { dtype: 'int16', shape } });
      const steps = fc.constantFrom<TransformSpec>(
        { kind: 'scale', scale: 0.5, offset: 3, fill: -50 },
        { kind: 'decimate', every: [2, 3] },
        { kind: 'decimate', every: [1, 2] },
        { kind: 'order', order: 'column' },
        { kind: 'transpose' },
        { kind: 'average', block: [2, 2], nan: 'skip' },
        { kind: 'dtype', dtype: 'float64' },
        { kind: 'expression', text: 'where(x > 0, x, -x)' },
        { kind: 'byte-order', byteOrder: 'little' },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(steps, { maxLength: 5 }),
          fc.boolean(),
          fc.constantFrom<Order | undefined>('row', 'column', undefined),
          async (transforms, cut, order) => {
            const region = cut
              ? ([
                  [1, 11, 2],
                  [2, 9],
                ] as const)
              : undefined;
            const whole = await pool.object('packed').demand({ region });
            const all = await pool.object('packed').demand({ region, transforms, order });
            // One demand for all, against one transform after the other of copies in the pool.
            let bytes = new Uint8Array(whole.bytes as Uint8Array);
            let { space } = whole;
            for (const transform of [
              ...transforms,
              ...(order ? [{ kind: 'order', order } as const] : []),
            ]) {
              const name = `copy/${pool.memberName}`;
              const copy = pool.object(name, { space });
              copy.bytes.set(bytes);
              await copy.offer();
              const one = await pool.object(name).demand({ transforms: [transform] });
              bytes = new Uint8Array(one.bytes as Uint8Array);
              space = one.space;
              await one.dispose();
              await copy.withdraw();
            }
            assert.deepEqual(all.space, space);
            assert.deepEqual([...all.bytes], [...bytes]);
            await Promise.all([whole.dispose(), all.dispose()]);
          },
        ),
        { numRuns: 40 },
      );
    });

    test('what is only renamed is a view still', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      await pool.put('a', ramp(60_000), { space: { dtype: 'float32', shape: [200, 300] } });
      const got = await pool.object('a').demand({ transforms: [{ kind: 'transpose' }] });
      assert.deepEqual(got.space.shape, [300, 200]);
      assert.equal(got.space.order, 'column');
      assert.equal(got.array[1], 1);
      const own = await pool.object('a').demand({ own: true, transforms: [{ kind: 'transpose' }] });
      own.bytes[0] = 9;
      assert.equal(got.array[0], 0);
      await Promise.all([got.dispose(), own.dispose()]);
    });

    test('derived variables', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      const count = 400_000;
      const u = ramp(count);
      const v = ramp(count, 5);
      await pool.put('u', u, { space: { dtype: 'float32', shape: [1_000, 400] } });
      await pool.put('v', v, { space: { dtype: 'float32', shape: [1_000, 400] } });
      const speed = await pool.derive({ u: 'u', v: 'v' }, 'sqrt(u*u + v*v)');
      assert.equal(speed.space.dtype, 'float32');
      assert.deepEqual(speed.space.shape, [1_000, 400]);
      for (let at = 0; at < count; at += 997) {
        const expected = Math.fround(Math.hypot(u[at] as number, v[at] as number));
        assert.ok(Math.abs((speed.array[at] as number) - expected) <= expected * 1e-6);
      }
      const region = [
        [0, 2],
        [0, 3],
      ] as const;
      const more = await pool.derive({ u: 'u', v: 'v' }, 'u > v - 6 and u / 0 > 1', { region });
      assert.equal(more.space.dtype, 'bool');
      assert.deepEqual([...more.array], [0, 1, 1, 1, 1, 1]);
      await pool.put('w', new BigInt64Array(4));
      const wrong = errorOf(pool.derive({ u: 'u' }, 'u +'));
      assert.equal((await wrong).code, 'bad-expression');
      assert.equal(await codeOf(pool.derive({ u: 'u', w: 'w' }, 'u + w')), 'bad-space');
      assert.equal(await codeOf(pool.derive({ w: 'w' }, 'w')), 'lossy-conversion');
      assert.equal(await codeOf(pool.derive({ w: 'w' }, '1')), 'bad-expression');
      await pool.derive({ w: 'w' }, 'w', { lossy: true });
    });

    test('an encoded object comes decoded, in regions and to those who know its space', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      const shape = [300, 400];
      const values = Float32Array.from({ length: 120_000 }, (_, at) => Math.sin(at / 1_000) * 100);
      for (const codec of ['gzip', 'zstd', 'lz4', 'blosc'] as const) {
        const encoding: TransformSpec[] = [
          { kind: 'bitround', absolute: 0.01 },
          { kind: 'shuffle', itemSize: 4 },
          { kind: 'compress', codec },
        ];
        const name = `t/${codec}`;
        const space = { dtype: 'float32', shape } as const;
        const object = pool.object(name, { space, attributes: { level: 850 } });
        object.array.set(values);
        await object.offer({ encoding });
        const stat = await pool.wait(name);
        assert.equal(stat.space.dtype, 'uint8');
        assert.ok(stat.size < 300_000, `${codec}: ${stat.size}`);
        const all = await pool.object<'float32'>(name).demand();
        assert.deepEqual(all.space.shape, shape);
        assert.equal(all.attributes['level'], 850);
        assert.ok(all.array.every((value, at) => Math.abs(value - (values[at] as number)) <= 0.01));
        const some = await pool.object(name, { space }).demand({
          region: [
            [10, 20],
            [5, 400, 100],
          ],
          order: 'column',
          dtype: 'float64',
        });
        assert.deepEqual(some.space.shape, [10, 4]);
        assert.equal(some.array[1], all.array[11 * 400 + 5]);
        const required = pool.object(name);
        await required.require();
        const later = await required.demand({ region: undefined });
        assert.equal(later.size, 480_000);
        assert.equal(
          await codeOf(pool.object(name, { space: { dtype: 'int8' } }).demand()),
          'object-mismatch',
        );
        await Promise.all([all, some, later].map((each) => each.dispose()));
        await object.withdraw();
      }
    });

    test('put with packing; what cannot be undone is refused, and damage is told', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      const encoding: TransformSpec[] = [
        { kind: 'pack', dtype: 'int16', scale: 0.5, fill: -1 },
        { kind: 'compress', codec: 'gzip' },
      ];
      await pool.put('p', Float32Array.of(1, 2.5, Number.NaN), { encoding });
      const got = await pool.object<'float32'>('p').demand();
      assert.deepEqual([...got.array], [1, 2.5, Number.NaN]);
      const none = pool.put('q', ramp(4), { encoding: [{ kind: 'average', block: [2] }] });
      assert.equal(await codeOf(none), 'bad-transform');
      const inParts = pool.object('r', { space: { dtype: 'uint8', shape: [4] } });
      inParts.region([[0, 2]]).write(Uint8Array.of(1, 2));
      assert.equal(await codeOf(inParts.offer({ encoding })), 'wrong-state');
      await inParts.dispose();
      const text = JSON.stringify({
        space: { dtype: 'float32', shape: [2 ** 40], order: 'row', byteOrder: 'little' },
        chain: [{ kind: 'compress', codec: 'zstd' }],
      });
      for (const attribute of [text, '{', '{"space":{},"chain":[]}', 'null', '{"chain":1}']) {
        const name = `damaged/${attribute.length}`;
        await pool.put(name, new Uint8Array(100), {
          attributes: { 'attacca.encoding': attribute },
        });
        assert.equal(await codeOf(pool.object(name).demand()), 'transform-failed', attribute);
      }
    });

    test("a user's WebAssembly, and what it may not", async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      await pool.put('b', Uint8Array.of(1, 2, 3));
      const by = (module: Uint8Array, timeoutMs?: number): Promise<string> =>
        pool
          .object('b')
          .demand({ transforms: [{ kind: 'wasm', module, timeoutMs }] })
          .then(
            async (got) => {
              const text = [...got.bytes].join();
              await got.dispose();
              return text;
            },
            (error: { code: string }) => error.code,
          );
      assert.equal(await by(moduleOf({})), '1,2,3');
      assert.equal(await by(moduleOf({ transform: ADD_ONE })), '2,2,3');
      assert.equal(await by(moduleOf({ transform: ENDLESS }), 200), 'transform-timeout');
      assert.equal(await by(moduleOf({ transform: TRAP })), 'transform-failed');
      assert.equal(await by(moduleOf({ transform: ASTRAY })), 'transform-failed');
      assert.equal(await by(moduleOf({ pagesMax: null })), 'bad-transform');
      assert.equal(await by(moduleOf({ pagesMax: 127, imports: true })), 'bad-transform');
      assert.equal(await by(Uint8Array.of(0, 0x61)), 'bad-transform');
    });

    test('a demand that is given up while threads work', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'one', { transport });
      await pool.put('a', ramp(SIDE * SIDE), { space: { dtype: 'float32', shape: [SIDE, SIDE] } });
      const end = new AbortController();
      const demand = pool.object('a').demand({
        transforms: [{ kind: 'expression', text: 'sin(cos(exp(sin(x))))' }],
        signal: end.signal,
      });
      setImmediate(() => end.abort());
      assert.equal(await codeOf(demand), 'aborted');
      // The memory is given back when they have ended: it can be deleted then.
      const again = await pool.object('a').demand({ order: 'column' });
      assert.equal(again.size, SIDE * SIDE * 4);
      await again.dispose();
    });
  });
}

test('refused before anything is waited for, or moved', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'one');
  await pool.put('a', ramp(4));
  const refused: readonly (readonly [TransformSpec, string])[] = [
    [{ kind: 'average', block: [1, 1] }, 'bad-transform'],
    [{ kind: 'dtype', dtype: 'int8' as Dtype }, 'lossy-conversion'],
    [{ kind: 'expression', text: 'y' }, 'bad-expression'],
    [{ kind: 'units', from: 'K', to: 'm' }, 'bad-transform'],
  ];
  for (const [transform, code] of refused) {
    assert.equal(await codeOf(pool.object('a').demand({ transforms: [transform] })), code);
  }
  const into = new Uint8Array(3);
  assert.equal(await codeOf(pool.object('a').demand({ into })), 'size-mismatch');
  await pool.put('b', ramp(4), { attributes: { of: 'b', step: 0 } });
  const cube = await pool.cube('b', 'of = "b"', ['step']);
  const field = await pool.create('c', { space: { dtype: 'float32', shape: [4] }, fill: 0 });
  for (const wrong of [{ kind: 'scale' }, 'scale', 5, [{ kind: 'scale', ofset: 0 }]]) {
    const transforms = wrong as never;
    const all: readonly (() => Promise<unknown>)[] = [
      () => pool.object('a').demand({ transforms }),
      () => cube.demand({}, { transforms }),
      async () => field.read([null], { transforms }),
      () => pool.put('d', ramp(4), { encoding: transforms }),
    ];
    for (const each of all) assert.equal(await codeOf(each()), 'bad-transform', String(wrong));
  }
  await using plain = await pool.object('a').demand({ transforms: null as never });
  assert.deepEqual([...plain.bytes], [...new Uint8Array(ramp(4).buffer)]);
});
