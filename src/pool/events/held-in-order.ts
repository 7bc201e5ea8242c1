import type { HeldOperation } from './held-operation.js';

/** So many of a heap may be gone before it is made anew. */
const GONE_MIN = 64;

/**
 * A set of held operations that gives the one first that was asked for first, whatever the order in
 * which they came into it. A binary heap; what is deleted stays in it until it comes to its top, or
 * until most of it is such.
 */
export class HeldInOrder {
  readonly #all = new Set<HeldOperation>();
  #heap: HeldOperation[] = [];

  get size(): number {
    return this.#all.size;
  }

  has(held: HeldOperation): boolean {
    return this.#all.has(held);
  }

  add(held: HeldOperation): void {
    if (this.#all.has(held)) return;
    this.#all.add(held);
    this.#push(held);
  }

  /** Whether it was there. */
  delete(held: HeldOperation): boolean {
    const isThere = this.#all.delete(held);
    if (this.#heap.length > 2 * this.#all.size + GONE_MIN) {
      this.#heap = [...this.#all].sort((one, other) => one.order - other.order);
    }
    return isThere;
  }

  /** Takes out the one that was asked for first; null: it is empty. */
  takeFirst(): HeldOperation | null {
    for (;;) {
      const first = this.#pop();
      if (first === null || this.#all.delete(first)) return first;
    }
  }

  /** All, in the order in which they came into it. */
  [Symbol.iterator](): Iterator<HeldOperation> {
    return this.#all.values();
  }

  #push(held: HeldOperation): void {
    const heap = this.#heap;
    let at = heap.length;
    for (; at > 0; ) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.order <= held.order) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = held;
  }

  #pop(): HeldOperation | null {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      const right = heap[child + 1];
      if (below !== undefined && right !== undefined && right.order < below.order) {
        child++;
        below = right;
      }
      if (below === undefined || below.order >= last.order) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
