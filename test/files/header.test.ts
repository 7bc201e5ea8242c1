// What tells of a file, whoever has offered it: read again as it was, or refused, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHeader, encodeHeader, type FileHeader } from '../../src/files/header.js';
import type { Attribute } from '../../src/formats/dataset.js';

const little = 'little' as const;

const ATTRIBUTES: readonly Attribute[] = [
  { name: 'list', type: 'int16', byteOrder: 'big', bytes: Uint8Array.of(0, 1, 0, 2) },
  { name: 'one', type: 'float64', byteOrder: little, bytes: new Uint8Array(8), shape: [] },
  { name: 'grid', type: 'uint8', byteOrder: little, bytes: new Uint8Array(6), shape: [2, 3] },
  { name: 'none', type: 'int32', byteOrder: little, bytes: new Uint8Array(0), shape: null },
  { name: 'title', type: 'char', byteOrder: little, bytes: Buffer.from('text') },
  { name: 'name', type: 'char', byteOrder: little, bytes: Buffer.from('text'), shape: [] },
  { name: 'texts', type: 'text', byteOrder: little, bytes: Buffer.from('a\0bc\0'), shape: [2] },
  { name: 'fixed', type: 'string[2]', byteOrder: little, bytes: Buffer.from('abcd'), shape: [2] },
  { name: 'pair', type: '{x:int8@0,y:int8@1;2}', byteOrder: little, bytes: new Uint8Array(2) },
];

function headerOf(attributes: readonly Attribute[]): FileHeader {
  const variable = { name: 'v', type: 'int16', byteOrder: little, dimensions: [0, 0] } as const;
  const dataset = {
    dimensions: [{ name: 'x', size: 3, unlimited: false }],
    attributes,
    variables: [{ ...variable, attributes }],
  };
  return { kind: 'dataset', format: 'hdf5', dataset, objects: ['f/v'], layout: null };
}

type Changed = { [key: string]: unknown };
type Text = {
  dataset: { dimensions: Changed[]; attributes: Changed[]; variables: Changed[] };
};

/** What is read of a header in which something is said otherwise. */
function changed(change: (header: Text) => void): FileHeader {
  const json = JSON.parse(Buffer.from(encodeHeader(headerOf(ATTRIBUTES))).toString()) as Text;
  change(json);
  return decodeHeader(Buffer.from(JSON.stringify(json)), 'f');
}

test('what tells of a file is read as it was', () => {
  const back = changed(() => {});
  assert.ok(back.kind === 'dataset');
  const plain = (all: readonly Attribute[]): unknown =>
    all.map(({ bytes, ...rest }) => ({ ...rest, bytes: [...bytes] }));
  assert.deepEqual(plain(back.dataset.attributes), plain(ATTRIBUTES));
  assert.deepEqual(plain(back.dataset.variables[0]?.attributes ?? []), plain(ATTRIBUTES));
});

test('an attribute whose bytes are not what its type and shape say is refused', () => {
  const bad = { code: 'bad-file-header' };
  for (const [at, { name, bytes, shape }] of ATTRIBUTES.entries()) {
    const texts = [
      ...(name === 'title' || name === 'name' ? [] : [Buffer.concat([bytes, Buffer.of(1)])]),
      ...(shape !== undefined && name !== 'name' ? [Buffer.concat([bytes, bytes, bytes])] : []),
    ].filter((each) => each.length !== bytes.length);
    for (const each of texts) {
      const change = (header: Text): void => {
        const attribute = header.dataset.attributes[at] as Changed;
        attribute['bytes'] = each.toString('base64');
      };
      assert.throws(() => changed(change), bad, `${name}: ${each.length}`);
    }
  }
  for (const shape of [[3], [-1], [1.5], 'x', [2 ** 40, 2 ** 40]]) {
    const change = ({ dataset }: Text): void => {
      (dataset.attributes[2] as Changed)['shape'] = shape;
    };
    assert.throws(() => changed(change), bad, String(shape));
  }
});

test('a type that is none is refused, of an attribute and of a variable', () => {
  const bad = { code: 'bad-file-header' };
  for (const type of ['nonsense', 'constructor', '', 'int7', 'string[0]', 'string[x]', '{', 7]) {
    for (const of of ['attributes', 'variables'] as const) {
      const change = ({ dataset }: Text): void => {
        (dataset[of][0] as Changed)['type'] = type;
      };
      assert.throws(() => changed(change), bad, `${of}: ${type}`);
    }
  }
});

test('a variable that no object can be is refused', () => {
  const bad = { code: 'bad-file-header' };
  const dimensions = (places: readonly unknown[]) => {
    return ({ dataset }: Text): void => {
      (dataset.variables[0] as Changed)['dimensions'] = places;
    };
  };
  for (const places of [[1], [-1], ['x'], Array.from({ length: 17 }, () => 0)]) {
    assert.throws(() => changed(dimensions(places)), bad, String(places));
  }
  const large = ({ dataset }: Text): void => {
    (dataset.dimensions[0] as Changed)['size'] = 2 ** 40;
  };
  assert.throws(() => changed(large), bad);
});
