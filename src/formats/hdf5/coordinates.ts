import { refuse } from '../../core/assert.js';
import type { Dataset } from '../dataset.js';

/** In front of a variable that has the name of a dimension but is not its coordinate. */
export const NOT_COORDINATE = '_nc4_non_coord_';

/** A path within a file: each part of it names something. */
function checkName(name: string): void {
  if (!name.split('/').some((part) => part === '' || part === '.')) return;
  refuse('bad-name', `Cannot write "${name}": in HDF5 no part of a path is empty or a dot`, {
    name,
  });
}

interface Scale {
  readonly path: string;
  /** The variable that is the scale; null for a dimension without one. */
  readonly variable: number | null;
}

/**
 * Which variable is the scale of which dimension, and under which path each lies: a variable with
 * the name of a dimension, along it first. One that only has the name stands under another path.
 */
export class CoordinatePlan {
  readonly #scales: readonly (Scale | null)[];
  readonly #paths: readonly string[];
  readonly #dimensionOf: ReadonlyMap<number, number>;

  constructor({ dimensions, variables }: Dataset, unnamed: readonly number[]) {
    for (const { name } of [...dimensions, ...variables]) checkName(name);
    const dimensionOf = new Map<number, number>();
    const named = new Map<string, number>();
    for (const [at, { name }] of dimensions.entries()) {
      if (!unnamed.includes(at)) named.set(name, at);
    }
    this.#paths = variables.map(({ name, dimensions: axes }, place) => {
      const dimension = named.get(name);
      if (dimension === undefined) return `/${name}`;
      if (axes[0] === dimension) {
        dimensionOf.set(place, dimension);
        return `/${name}`;
      }
      const parts = name.split('/');
      return `/${[...parts.slice(0, -1), `${NOT_COORDINATE}${parts.at(-1)}`].join('/')}`;
    });
    const variableOf = new Map([...dimensionOf].map(([place, dimension]) => [dimension, place]));
    this.#dimensionOf = dimensionOf;
    this.#scales = dimensions.map(({ name }, at) =>
      unnamed.includes(at) ? null : { path: `/${name}`, variable: variableOf.get(at) ?? null },
    );
  }

  scaleOf(dimension: number): Scale | null {
    return this.#scales[dimension] ?? null;
  }

  pathOf(place: number): string {
    return this.#paths[place] as string;
  }

  isScale(place: number): boolean {
    return this.#dimensionOf.has(place);
  }

  /** The dimension of which a variable is the scale; null for others. */
  dimensionOf(place: number): number | null {
    return this.#dimensionOf.get(place) ?? null;
  }
}
