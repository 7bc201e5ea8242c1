import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AttaccaError,
  type Dtype,
  decodeStrings,
  encodeStrings,
  fieldsOf,
  structOf,
} from '../../src/client/index.js';
import { fc } from '../fast-check.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const PARTICLE = '{x:float32@0,tag:string[4]@4,id:int64@8;16}';
const X = Float32Array.of(1, 2, 3, 4, 5, 6);
const ID = BigInt64Array.of(10n, 20n, 30n, 40n, 50n, 60n);
const TAGS = ['a', 'bc', '', 'dddd', 'é', 'z'];
const refusal = (action: () => unknown): Promise<string | null> => codeOf((async () => action())());

test('a dtype of fields is made and told', async () => {
  const dtype = structOf({ x: 'float32', tag: 'string[4]', id: 'int64' }, { isAligned: true });
  assert.equal(dtype, PARTICLE);
  assert.deepEqual(fieldsOf(dtype), [
    { name: 'x', dtype: 'float32', offset: 0 },
    { name: 'tag', dtype: 'string[4]', offset: 4 },
    { name: 'id', dtype: 'int64', offset: 8 },
  ]);
  assert.equal(structOf({ a: 'int8', b: 'int32' }), '{a:int8@0,b:int32@1;5}');
  const inner = structOf({ p: 'int8', q: 'complex64' }, { isAligned: true });
  assert.equal(inner, '{p:int8@0,q:complex64@4;12}');
  assert.equal(
    structOf({ n: 'int8', i: inner }, { isAligned: true }),
    `{n:int8@0,i:${inner}@4;16}`,
  );
  assert.deepEqual(fieldsOf('float32'), []);
  assert.equal(await refusal(() => structOf({})), 'bad-space');
  assert.equal(await refusal(() => structOf({ x: 'float31' as Dtype })), 'bad-space');
});

test('texts of a fixed size come back, or are refused', async () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 5 })), (texts) => {
      const size = Math.max(1, ...texts.map((text) => Buffer.byteLength(text)));
      const clean = texts.filter((text) => !text.endsWith('\0'));
      assert.deepEqual(decodeStrings(encodeStrings(clean, size), size), clean);
    }),
  );
  for (const text of ['abcde', 'a\0', '\ud800']) {
    assert.equal(await refusal(() => encodeStrings([text], 4)), 'lossy-conversion');
  }
  assert.equal(await refusal(() => encodeStrings([], 0)), 'bad-space');
});

for (const transport of TRANSPORTS) {
  for (const byteOrder of ['little', 'big'] as const) {
    test(`structs, ${transport}, ${byteOrder}: arrays in, arrays out, and what is kept between`, async (t) => {
      const server = await servePool(t);
      await using producer = await joinApart(server, 'producer', { transport });
      await using consumer = await joinApart(server, 'consumer', { transport });
      const space = { dtype: PARTICLE, shape: [6], byteOrder } as const;
      const object = producer.object('particles', { space });
      object.setFields({ x: X, id: ID, tag: encodeStrings(TAGS, 4) });
      await object.offer();

      await using all = await consumer.object('particles').demand();
      assert.equal(all.space.dtype, PARTICLE);
      assert.equal(all.size, 96);
      const fields = all.fields();
      assert.deepEqual(fields['x'], X);
      assert.deepEqual(fields['id'], ID);
      assert.deepEqual(decodeStrings(fields['tag'] as Uint8Array, 4), TAGS);
      assert.deepEqual(Object.keys(all.fields('id')), ['id']);

      const region = [[1, 5]] as const;
      await using some = await consumer.object('particles').demand({
        region,
        dtype: '{id:int64,x:float64}',
      });
      assert.deepEqual(some.fields(), {
        __proto__: null,
        id: ID.slice(1, 5),
        x: Float64Array.from(X.slice(1, 5)),
      });
      await using one = await consumer.object('particles').demand({
        region,
        transforms: [{ kind: 'field', name: 'x' }],
        byteOrder: 'little',
      });
      assert.deepEqual(one.array, X.slice(1, 5));
      assert.equal(one.space.dtype, 'float32');
    });
  }
}

test('structs in parts: each provider sets the fields of its own', async (t) => {
  const server = await servePool(t);
  await using producer = await joinApart(server, 'producer');
  await using consumer = await joinApart(server, 'consumer');
  const space = { dtype: '{x:float32,n:int16}', shape: [4, 2] } as const;
  const object = producer.object('grid', { space });
  for (const at of [0, 2]) {
    const part = object.region([[at, at + 2], null]);
    const x = Float32Array.of(at, at + 1, at + 2, at + 3);
    await part.setFields({ x, n: Int16Array.from(x) }).offer();
  }
  await using found = await consumer.object('grid').demand({ region: [null, 1] });
  assert.deepEqual(found.fields()['n'], Int16Array.of(1, 3, 3, 5));
  assert.deepEqual(found.space.shape, [4, 1]);
});

test('an object that is written to by regions may have structs', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'writer');
  const open = await pool.create('open', {
    space: { dtype: '{x:float32,n:int16}', shape: [3] },
  });
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setFloat32(0, 1.5, true);
  new DataView(bytes.buffer).setInt16(10, 7, true);
  await open.write([[1, 3]], bytes);
  const wider = { dtype: '{n:int32,x:float64}' } as const;
  const read = await open.read([[1, 3]], wider);
  const view = new DataView(read.buffer);
  assert.deepEqual([view.getInt32(0, true), view.getFloat64(4, true)], [0, 1.5]);
  assert.equal(view.getInt32(12, true), 7);
  const back = open.read([[0, 1]], { dtype: 'string[4]', lossy: true });
  assert.equal(await codeOf(back), 'bad-space');
  const narrow = open.read([[0, 1]], { dtype: '{x:int8}' });
  assert.equal(await codeOf(narrow), 'lossy-conversion');
  await open.close();
});

test('a dtype that differs in a field is a mismatch, and says so', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'both');
  const dtype = '{x:float32@0,n:int16@4;6}';
  await pool.put('p', new Uint8Array(12), { space: { dtype } });
  await using same = await pool.object('p', { space: { dtype: '{x:float32, n:int16}' } }).demand();
  assert.deepEqual(same.space.shape, [2]);
  const other = pool.object('p', { space: { dtype: '{x:float32,m:int16}' } });
  const error = (await errorOf(other.demand())) as AttaccaError;
  assert.equal(error.code, 'object-mismatch');
  assert.equal(error.fields['field'], 'dtype');
  assert.equal(error.fields['offered'], dtype);
  assert.equal(error.fields['expected'], '{x:float32@0,m:int16@4;6}');
  const cut = pool.put('q', new Uint8Array(13), { space: { dtype } });
  assert.equal(await codeOf(cut), 'size-mismatch');
  const names: string[] = [];
  for await (const { name } of pool.query(`.dtype = "${dtype}"`)) names.push(name);
  assert.deepEqual(names, ['p']);
});

test('arrays that are not those of a field are refused, and nothing is set', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'producer');
  const space = { dtype: '{x:float32,n:int16}', shape: [2] } as const;
  const object = pool.object('p', { space });
  const x = Float32Array.of(1, 2);
  assert.equal(await refusal(() => object.setFields({ x, n: Int8Array.of(1, 2) })), 'bad-space');
  assert.equal(await refusal(() => object.setFields({ x, m: Int8Array.of(1, 2) })), 'bad-space');
  const short = (): unknown => object.setFields({ x, n: Int16Array.of(1) });
  assert.equal(await refusal(short), 'size-mismatch');
  assert.ok(object.bytes.every((byte) => byte === 0));
  await object.offer();
  await using found = await pool.object('p').demand();
  assert.equal(await refusal(() => found.fields('m')), 'bad-space');
  const plain = pool.object('q', { space: { dtype: 'float32', shape: [2] } });
  assert.equal(await refusal(() => plain.setFields({ x })), 'bad-space');
});
