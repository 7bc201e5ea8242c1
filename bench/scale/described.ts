import { objectOf } from '../metadata/objects.js';
import { fieldOf } from '../pool-rate/workload.js';

/** Six, as ECMWF describes a field, or eight, as `metadata` has them. */
export type AttributeCount = 6 | 8;

/** What `metadata` calls an object of names of their own, in a crowd larger than any here. */
const CROWD = { pattern: 'unique', count: 100_000_000 } as const;

/** The `index`-th object that `who` makes; `index` never comes twice. */
export function describedOf(
  attributes: AttributeCount,
  who: string,
  index: number,
): { readonly name: string; readonly attributes: Readonly<Record<string, string | number>> } {
  if (attributes === 6) return fieldOf(who, index);
  const described = objectOf(CROWD, index);
  return { name: described.object, attributes: described.attributes };
}

export function attributeCountOf(attributes: number): AttributeCount {
  if (attributes === 6 || attributes === 8) return attributes;
  throw new RangeError(`Cannot make objects of ${attributes} attributes: there are 6 or 8`);
}
