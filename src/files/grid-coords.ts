import type { Attributes } from '../client/options.js';
import type { GribAxis } from '../formats/grib/grid.js';
import type { ToImport } from './offering.js';

/**
 * Latitudes and longitudes of decoded fields, as objects: each once, however many fields lie on
 * them. Those that differ from the first of their kind have a number behind their name.
 */
export class GridCoords {
  /** What is to be offered, in the order in which it was met. */
  readonly objects: ToImport[] = [];
  readonly #file: string;
  readonly #attributes: Attributes;
  readonly #known = new Map<string, string>();
  readonly #counts = { latitude: 0, longitude: 0 };

  /** `attributes`: what all objects of the file have. */
  constructor(file: string, attributes: Attributes) {
    this.#file = file;
    this.#attributes = attributes;
  }

  /** What a field of so many dimensions says of them. */
  told(axes: readonly GribAxis[] | null, dimensions: number): Attributes {
    if (axes === null) return { dims: dimensions === 2 ? ['y', 'x'] : ['values'] };
    const coords = axes.map((axis): [string, string] => [axis.name, this.#objectOf(axis)]);
    return { dims: axes.map(({ name }) => name), coords: Object.fromEntries(coords) };
  }

  #objectOf({ name, degrees }: GribAxis): string {
    const bytes = new Uint8Array(degrees.buffer, degrees.byteOffset, degrees.byteLength);
    const key = `${name} ${Buffer.from(bytes).toString('base64')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#counts[name] += 1;
    const count = this.#counts[name];
    const object = `${this.#file}/${name}${count === 1 ? '' : `-${count}`}`;
    this.#known.set(key, object);
    this.objects.push({
      name: object,
      space: { dtype: 'float64', shape: [degrees.length], order: 'row', byteOrder: 'little' },
      attributes: {
        ...{ dims: [name], variable: name, standard_name: name },
        ...{ units: name === 'latitude' ? 'degrees_north' : 'degrees_east' },
        ...this.#attributes,
      },
      async fill(into, done) {
        into.set(bytes);
        done(into.length);
      },
    });
    return object;
  }
}
