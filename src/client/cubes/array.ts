import type { Label } from '../../core/cubes/axis.js';
import type { Dtype } from '../../core/space.js';
import type { Leaks } from '../leaks.js';
import type { Attributes } from '../options.js';
import { Delivered, type Delivery } from '../received.js';

/** Coordinates by dimension; those of which none are told are not in it. */
export type Coords = { readonly [dimension: string]: readonly Label[] };

/** What is known of coordinates beside their values. */
export interface CoordsOf {
  /** Of all along the dimension, whatever was picked; null: as their values are. */
  readonly dtype: Dtype | null;
  /** Those of the object that has them: units, say. */
  readonly attributes: Attributes;
}

/**
 * A part of a cube as it was demanded: one array, with the names of its dimensions. Its
 * `attributes` are what all of its objects say alike.
 */
export class CubeArray<D extends Dtype = Dtype> extends Delivered<D> {
  /** Names of its dimensions, as `space.shape` has their sizes. */
  readonly dims: readonly string[];
  readonly coords: Coords;
  /** What is known of coordinates, by dimension as those are. */
  readonly coordsOf: { readonly [dimension: string]: CoordsOf };
  /** In how many of the objects' places something was filled: no object was there, or no part. */
  readonly holes: number;

  constructor(
    delivery: Delivery,
    leaks: Leaks | null,
    told: {
      readonly dims: readonly string[];
      readonly coords: Coords;
      readonly coordsOf: { readonly [dimension: string]: CoordsOf };
      readonly holes: number;
    },
  ) {
    super(delivery, leaks);
    this.dims = told.dims;
    this.coords = told.coords;
    this.coordsOf = told.coordsOf;
    this.holes = told.holes;
  }

  get shape(): readonly number[] {
    return this.space.shape;
  }
}
