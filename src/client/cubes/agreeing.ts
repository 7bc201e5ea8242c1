import { labelText } from '../../core/cubes/axis.js';
import { isMap, type Value } from '../../core/value.js';
import { isEqualValue } from '../../core/value-order.js';
import { ENCODING_KEY } from '../encoding.js';
import type { Attributes } from '../options.js';
import { type CubeDefinition, ownOf } from './definition.js';
import type { Member } from './members.js';

/** How numbers are packed, as the CF conventions have it. */
export const PACKING = ['scale_factor', 'add_offset', '_FillValue', 'missing_value'] as const;
/** What they mean when they are not packed any more. */
const MEANING = ['units', 'calendar'];
/** Values of a list that are told. */
const SAID_MAX = 4;

/** What two objects, that are to stand side by side, say otherwise. */
interface Otherwise {
  readonly key: string;
  readonly why: string;
}

/** The part of an object that is compared. */
export type Saying = Pick<Member, 'name' | 'attributes'>;

/**
 * What an object says of its numbers, or of its dimensions, that is not what another one does: then
 * it is in no cube with that. How it is packed counts where those that are not alike are left out;
 * else a demand looks at it, which may unpack them.
 */
export function contradicts(
  { dims, coords, misfits }: CubeDefinition,
  one: Saying,
  model: Saying,
): Otherwise | null {
  const keys = [
    ...MEANING,
    ...(misfits === 'skip' ? PACKING : []),
    ...(dims === null ? ['dims'] : []),
  ];
  const found = otherwise(keys, one, model);
  if (found !== null) return found;
  const [own, others] = [one.attributes['coords'], model.attributes['coords']];
  if (!isMap(own) || !isMap(others)) return null;
  for (const [dimension, labels] of Object.entries(own)) {
    const known = ownOf(others, dimension);
    // Whether objects of two names have the same coordinates is seen when they are read.
    if (known === undefined || typeof labels === 'string' || typeof known === 'string') continue;
    if (Object.hasOwn(coords, dimension) || isEqualValue(labels, known)) continue;
    return { key: 'coords', why: coordsText(dimension, labels, model.name, known) };
  }
  return null;
}

/** Whether numbers are packed as others are. */
export function packsOtherwise(one: Saying, model: Saying): Otherwise | null {
  return otherwise(PACKING, one, model);
}

function otherwise(keys: readonly string[], one: Saying, model: Saying): Otherwise | null {
  for (const key of keys) {
    const own = ownOf(one.attributes, key);
    const other = ownOf(model.attributes, key);
    if (isEqualValue(own, other)) continue;
    const has = own === undefined ? `has no "${key}"` : `has "${key}" ${said(own)}`;
    const others = other === undefined ? 'none' : said(other);
    return { key, why: `it ${has}, "${model.name}" has ${others}` };
  }
  return null;
}

export function coordsText(dimension: string, own: Value, name: string, other: Value): string {
  return `along "${dimension}" it has ${said(own)}, "${name}" has ${said(other)}`;
}

function said(value: Value): string {
  if (isMap(value)) return 'a map';
  if (!Array.isArray(value)) return labelText(value);
  const first = value.slice(0, SAID_MAX).map((each) => said(each as Value));
  return `[${first.join(', ')}${value.length > SAID_MAX ? ', ...' : ''}]`;
}

/** What all say alike, but for some keys and those of the pool. */
export function sharedBy(all: Iterable<Attributes>, but: readonly string[]): Attributes {
  let shared: Map<string, Value> | null = null;
  for (const each of all) {
    shared ??= new Map(
      Object.entries(each).filter(([key]) => {
        return !key.startsWith('.') && key !== ENCODING_KEY && !but.includes(key);
      }),
    );
    for (const [key, value] of shared)
      if (!isEqualValue(ownOf(each, key), value)) shared.delete(key);
    if (shared.size === 0) break;
  }
  return Object.fromEntries(shared ?? []);
}

/** What tells of a place, or of dimensions, and not of numbers. */
export function notShared(axes: readonly string[]): readonly string[] {
  return [...axes, 'dims', 'coords'];
}
