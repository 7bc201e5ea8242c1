import type { Dimension } from '../formats/dataset.js';

/**
 * The dimensions of variables that say their names, or none: those without share one for each
 * size, as those of one name do. Of one name and another size it is another one, with the size
 * behind its name.
 */
export class Dimensions {
  readonly all: Dimension[] = [];
  /** Places of those that were given no name. */
  readonly unnamed: number[] = [];
  readonly #places = new Map<string, number>();

  /** The place of a dimension in {@link all}. */
  place(name: string | null, size: number): number {
    const wanted = name ?? `dim_${size}`;
    for (let turn = 0; ; turn += 1) {
      const each = turn === 0 ? wanted : `${wanted}_${size}${'_'.repeat(turn - 1)}`;
      const place = this.#places.get(each);
      if (place === undefined) {
        this.#places.set(each, this.all.length);
        if (name === null) this.unnamed.push(this.all.length);
        return this.all.push({ name: each, size, unlimited: false }) - 1;
      }
      if (this.all[place]?.size === size) return place;
    }
  }
}
