interface Event {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/** Virtual time in whole ms, and what is to happen: by time, and at one time as it was planned. */
export class Scheduler {
  now = 0;
  /** How many have happened. */
  events = 0;
  readonly #heap: Event[] = [];
  #planned = 0;

  /** Plans an event in so many ms. */
  after(ms: number, action: () => void): void {
    const heap = this.#heap;
    const event = { at: this.now + ms, order: this.#planned++, action };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Event;
      if (!before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  /** When the next event is; Infinity: there is none. */
  get next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Lets the next event happen; false: there is none. */
  step(): boolean {
    const event = this.#take();
    if (event === null) return false;
    this.now = event.at;
    this.events++;
    event.action();
    return true;
  }

  #take(): Event | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && before(heap[right] as Event, heap[child] as Event)) child = right;
      const below = heap[child] as Event;
      if (!before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(left: Event, right: Event): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
