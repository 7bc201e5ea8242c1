import type { Arena } from '../catalog/arena.js';
import type { Table } from '../catalog/table.js';
import { OBJECT } from './rows.js';

/** The name that is looked for: one for all searches of a pool, so that none makes a closure. */
export class NameKey {
  readonly same: (row: number) => boolean;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(objects: Table, arena: Arena) {
    this.same = (row) =>
      arena.equals(objects.get(row, OBJECT.name), this.#bytes, this.#start, this.#end);
  }

  set(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }
}
