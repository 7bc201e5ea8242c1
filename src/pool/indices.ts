/** The indices that members of one component have: `component[*]` asks for the lowest free one. */
export class Indices {
  readonly #used = new Set<number>();
  /** All below are in use. */
  #low = 0;

  get size(): number {
    return this.#used.size;
  }

  lowestFree(): number {
    while (this.#used.has(this.#low)) this.#low++;
    return this.#low;
  }

  add(index: number): void {
    this.#used.add(index);
  }

  remove(index: number): void {
    this.#used.delete(index);
    if (index < this.#low) this.#low = index;
  }
}
