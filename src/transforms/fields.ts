import type { TransformSpec } from './spec.js';

type Type =
  | 'text'
  | 'dtype'
  | 'flag'
  | 'number'
  | 'finite'
  | 'whole'
  | 'wholes'
  | 'fill'
  | 'range'
  | 'fields'
  | 'space'
  | 'bytes';
type Choices = `${string}|${string}`;

/** What the value of a key is: of a type, or one of some words; with `?` it may be left out. */
export type Rule = Type | `${Type}?` | Choices;

type Kind = TransformSpec['kind'];
type KeyOf<K extends Kind, T = TransformSpec> = T extends { readonly kind: infer Own }
  ? K extends Own
    ? Exclude<keyof T, 'kind'>
    : never
  : never;

/**
 * The keys of each transform. The clients of other languages have the same table, word for word; a
 * test compares them.
 */
export const FIELDS: { readonly [K in Kind]: { readonly [Key in KeyOf<K>]: Rule } } = {
  order: { order: 'row|column' },
  transpose: { axes: 'wholes?' },
  dtype: { dtype: 'dtype', lossy: 'flag?' },
  'byte-order': { byteOrder: 'little|big' },
  scale: {
    ...{ scale: 'finite?', offset: 'finite?', fill: 'fill?', range: 'range?' },
    dtype: 'float32|float64?',
  },
  pack: { scale: 'finite?', offset: 'finite?', dtype: 'dtype', fill: 'whole?', lossy: 'flag?' },
  units: { from: 'text', to: 'text', density: 'finite?' },
  decimate: { every: 'wholes' },
  average: { block: 'wholes', nan: 'skip|keep?' },
  field: { name: 'text' },
  soa: { fields: 'fields' },
  aos: { fields: 'fields' },
  shuffle: { itemSize: 'whole' },
  unshuffle: { itemSize: 'whole' },
  bitround: { bits: 'whole?', absolute: 'finite?', relative: 'finite?' },
  compress: { codec: 'text', level: 'whole?' },
  decompress: { codec: 'text', space: 'space' },
  expression: { text: 'text', dtype: 'dtype?' },
  wasm: { module: 'bytes', function: 'text?', timeoutMs: 'number?', space: 'space?' },
};
