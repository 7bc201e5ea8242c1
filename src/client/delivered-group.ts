import { AttaccaError } from '../core/errors.js';
import type { Attributes } from './options.js';
import type { Delivered } from './received.js';

/** A group as it was demanded: a view of each object that is in it, by its name. */
export class DeliveredGroup {
  readonly name: string;
  readonly version: number;
  readonly attributes: Attributes;
  /** In the order in which they were put into the group. */
  readonly views: ReadonlyMap<string, Delivered>;

  constructor(
    head: { readonly name: string; readonly version: number; readonly attributes: Attributes },
    views: readonly Delivered[],
  ) {
    this.name = head.name;
    this.version = head.version;
    this.attributes = head.attributes;
    this.views = new Map(views.map((view) => [view.name, view]));
  }

  /** The view of an object; `unknown-object` when it is not in the group. */
  get(name: string): Delivered {
    const view = this.views.get(name);
    if (view !== undefined) return view;
    const why = `it is not in the group "${this.name}"`;
    throw new AttaccaError('unknown-object', `Cannot read "${name}": ${why}`, { name });
  }

  [Symbol.iterator](): IterableIterator<Delivered> {
    return this.views.values();
  }

  /** Ends the use of all that is in it. Idempotent. */
  async dispose(): Promise<void> {
    await Promise.all([...this.views.values()].map((view) => view.dispose()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
