import { Directory } from '../catalog/directory.js';
import { Table } from '../catalog/table.js';
import { assert } from '../core/assert.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { WAIT } from './rows.js';

const HEAP_MIN = 64;

/**
 * Everything that waits, with its deadline: a table, a binary heap by deadline, and a directory
 * by (session, request) for CANCEL. Of equal deadlines that of what was asked for first ends first.
 */
export class Waits {
  readonly rows = new Table(WAIT.width);
  readonly #byRequest = new Directory();
  #heap = new Uint32Array(HEAP_MIN);
  #heapSize = 0;
  #asked = 0;

  get used(): number {
    return this.rows.used;
  }

  /** The next place in the order in which all that waits was asked for. */
  nextOrder(): number {
    return ++this.#asked;
  }

  /**
   * Begins a wait. `deadline` in pool time (ms), or Infinity. `request` 0: nobody asked for it.
   * `order`: the place of what has waited before.
   */
  begin(
    kind: number,
    session: number,
    request: number,
    subject: number,
    times: { readonly now: number; readonly deadline: number; readonly order?: number },
  ): number {
    const rows = this.rows;
    const wait = rows.allocate();
    rows.set(wait, WAIT.kind, kind);
    rows.set(wait, WAIT.session, session);
    rows.setWide(wait, WAIT.request, request);
    rows.set(wait, WAIT.subject, subject);
    rows.setWide(wait, WAIT.since, times.now);
    rows.setWide(wait, WAIT.order, times.order ?? this.nextOrder());
    if (request !== 0) this.#byRequest.insert(hashOf(session, request), wait);
    if (times.deadline !== Number.POSITIVE_INFINITY) {
      rows.setWide(wait, WAIT.deadline, times.deadline);
      this.#push(wait);
    }
    return wait;
  }

  end(wait: number): void {
    const rows = this.rows;
    const request = rows.getWide(wait, WAIT.request);
    if (request !== 0) this.#byRequest.remove(hashOf(rows.get(wait, WAIT.session), request), wait);
    if (rows.get(wait, WAIT.heap) !== 0) this.#removeAt(rows.get(wait, WAIT.heap) - 1);
    rows.release(wait);
  }

  /** Gives back what it has grown to, when nobody waits. */
  beginAnew(): void {
    this.rows.beginAnew();
    this.#byRequest.beginAnew();
    this.#heap = new Uint32Array(HEAP_MIN);
  }

  /** The wait of a request, or 0. */
  find(session: number, request: number): number {
    return this.#byRequest.find(
      hashOf(session, request),
      (wait) =>
        this.rows.get(wait, WAIT.session) === session &&
        this.rows.getWide(wait, WAIT.request) === request,
    );
  }

  /** The wait whose deadline is next, or 0. */
  first(): number {
    return this.#heapSize === 0 ? 0 : (this.#heap[0] as number);
  }

  /** When the next deadline passes: pool time in ms, or Infinity. */
  nextDeadline(): number {
    const wait = this.first();
    return wait === 0 ? Number.POSITIVE_INFINITY : this.rows.getWide(wait, WAIT.deadline);
  }

  deadlineOf(wait: number): number {
    return this.rows.get(wait, WAIT.heap) === 0
      ? Number.POSITIVE_INFINITY
      : this.rows.getWide(wait, WAIT.deadline);
  }

  #push(wait: number): void {
    if (this.#heapSize === this.#heap.length) {
      const grown = new Uint32Array(this.#heap.length * 2);
      grown.set(this.#heap);
      this.#heap = grown;
    }
    this.#place(this.#heapSize++, wait);
    this.#rise(this.#heapSize - 1);
  }

  #removeAt(index: number): void {
    const removed = this.#heap[index] as number;
    const last = this.#heap[--this.#heapSize] as number;
    this.rows.set(removed, WAIT.heap, 0);
    if (removed === last) return;
    this.#place(index, last);
    this.#rise(index);
    this.#sink(this.rows.get(last, WAIT.heap) - 1);
  }

  #place(index: number, wait: number): void {
    this.#heap[index] = wait;
    this.rows.set(wait, WAIT.heap, index + 1);
  }

  #before(left: number, right: number): boolean {
    const { rows } = this;
    const one = rows.getWide(left, WAIT.deadline);
    const two = rows.getWide(right, WAIT.deadline);
    if (one !== two) return one < two;
    return rows.getWide(left, WAIT.order) < rows.getWide(right, WAIT.order);
  }

  #rise(index: number): void {
    const wait = this.#heap[index] as number;
    let at = index;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent] as number;
      if (!this.#before(wait, above)) break;
      this.#place(at, above);
      at = parent;
    }
    this.#place(at, wait);
  }

  #sink(index: number): void {
    const wait = this.#heap[index] as number;
    let at = index;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#heapSize) break;
      const right = child + 1;
      if (right < this.#heapSize) {
        if (this.#before(this.#heap[right] as number, this.#heap[child] as number)) child = right;
      }
      const below = this.#heap[child] as number;
      if (!this.#before(below, wait)) break;
      this.#place(at, below);
      at = child;
    }
    this.#place(at, wait);
  }

  save(w: StateWriter): void {
    this.rows.save(w);
    w.u64(this.#asked);
    this.#byRequest.save(w);
    w.u32(this.#heapSize);
    w.words(this.#heap.subarray(0, this.#heapSize));
  }

  restore(r: StateReader): void {
    this.rows.restore(r);
    this.#asked = r.u64();
    this.#byRequest.restore(r);
    const size = r.count(4);
    let capacity = HEAP_MIN;
    while (capacity < size) capacity *= 2;
    this.#heap = r.words(capacity, size);
    this.#heapSize = size;
    for (let index = 0; index < size; index++) {
      const wait = this.#heap[index] as number;
      checkSaved(wait !== 0 && this.rows.has(wait), 'a wait of the heap is there');
      const place = this.rows.get(wait, WAIT.heap);
      checkSaved(place === index + 1, 'a wait knows its place in the heap');
    }
  }

  /** For checks: the heap is ordered and every row knows its place. */
  verify(): void {
    for (let index = 0; index < this.#heapSize; index++) {
      const wait = this.#heap[index] as number;
      assert(this.rows.get(wait, WAIT.heap) === index + 1, 'a wait knows its place in the heap');
      const parent = this.#heap[(index - 1) >> 1] as number;
      assert(index === 0 || !this.#before(wait, parent), 'the heap is ordered');
    }
  }
}

function hashOf(session: number, request: number): number {
  let hash = Math.imul(session, 0x9e3779b1) ^ Math.imul(request % 0x1_0000_0000, 0x85ebca77);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x297a2d39);
  return (hash ^ (hash >>> 16)) >>> 0;
}
