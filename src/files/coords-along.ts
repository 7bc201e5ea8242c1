import { refuse } from '../core/assert.js';
import { isMap } from '../core/value.js';
import type { Found, Objects } from './objects.js';

/** The object that has the coordinates along a dimension. */
interface CoordAlong {
  readonly name: string;
  readonly found: Found;
  /** Its place. */
  readonly dimension: number;
}

/**
 * The coordinates of objects that are exported, where these are objects: those that their attribute
 * `coords` names, or that their file had (a variable with the name of the dimension). What is not
 * there now is not waited for.
 */
export class CoordsAlong {
  readonly #objects: Objects;
  readonly #all = new Map<number, CoordAlong>();
  /** Of names that were looked for. */
  readonly #known = new Map<string, Found | null>();
  /** Names that were held against each other, and have the same. */
  readonly #same = new Set<string>();

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  get found(): readonly CoordAlong[] {
    return [...this.#all.values()];
  }

  /** `bad-space` where others along a dimension have other coordinates. */
  async add(object: string, { space, attributes }: Found, places: readonly number[]) {
    const { dims, coords, '.part-of': of } = attributes;
    if (!Array.isArray(dims) || dims.length !== places.length) return;
    const told = coords !== undefined && isMap(coords) ? coords : {};
    for (const [axis, dimension] of places.entries()) {
      const dim: unknown = dims[axis];
      if (typeof dim !== 'string') continue;
      const own = Object.hasOwn(told, dim) ? told[dim] : undefined;
      const name = own ?? (typeof of === 'string' ? `${of}/${dim}` : null);
      if (typeof name !== 'string' || name === object) continue;
      const found = await this.#find(name);
      if (found === null || found.space.shape.join() !== `${space.shape[axis]}`) continue;
      const other = this.#all.get(dimension);
      if (other === undefined) this.#all.set(dimension, { name, found, dimension });
      else await this.#mustBeSame(dim, other.name, name);
    }
  }

  async #find(name: string): Promise<Found | null> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const found = await this.#objects.find(name);
    this.#known.set(name, found);
    return found;
  }

  async #mustBeSame(dim: string, name: string, other: string): Promise<void> {
    const both = `${name}\n${other}`;
    if (name === other || this.#same.has(both)) return;
    const as = { order: 'row', byteOrder: 'little' } as const;
    await using one = await this.#objects.demand(name, as);
    await using two = await this.#objects.demand(other, as);
    const isSame = one.space.dtype === two.space.dtype;
    if (isSame && Buffer.compare(one.unsafeBytes(), two.unsafeBytes()) === 0) {
      this.#same.add(both);
      return;
    }
    const why = `along "${dim}" the coordinates "${name}" and "${other}" differ`;
    const fields = { dimension: dim, coordinates: [name, other] };
    refuse('bad-space', `Cannot export into one file: ${why}`, fields);
  }
}
