import type { Writer } from '../../core/bytes.js';
import type { Label } from '../../core/cubes/axis.js';
import { AttaccaError } from '../../core/errors.js';
import { type Dtype, isNumeric } from '../../core/space.js';
import type { ValueMap } from '../../core/value.js';
import { writeStat } from '../../protocol/index.js';
import { askValue, asMap } from '../asking.js';
import type { Client } from '../client.js';
import { PoolObject } from '../object.js';
import type { Attributes, WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import type { Clock } from './clock.js';

/** Coordinates that an object has, and what it says of them. */
export interface ObjectLabels {
  readonly labels: readonly Label[];
  readonly dtype: Dtype;
  readonly attributes: Attributes;
}

/** Coordinates that objects have. */
export interface CoordsReading {
  /** Waits until there are some; null: nobody is to wait for them. */
  read(object: string): Promise<ObjectLabels | null>;
  /** Null: there is no such object, or it has not so many. */
  find(object: string, size: number): Promise<ObjectLabels | null>;
}

interface Known extends ObjectLabels {
  /** Of which version they are. */
  readonly of: string;
}

/**
 * Coordinates that objects have, as they were looked at last: what has not changed since is not
 * fetched again.
 */
export class ObjectCoords {
  readonly #seat: Seat;
  readonly #waits: boolean;
  /** By the names of all that were asked for when it was last looked; null: it has none. */
  #known: ReadonlyMap<string, Known | null> = new Map();

  constructor(seat: Seat, { waits = true } = {}) {
    this.#seat = seat;
    this.#waits = waits;
  }

  /** Whether there is anything that may change. */
  get isAsked(): boolean {
    return this.#known.size > 0;
  }

  /**
   * Looks at them anew; those that are not asked for are forgotten. What has gone without another
   * in its place stays known: what is `read`, by its name alone; what is found, while the objects
   * along it are the same (`keeps`).
   */
  async look<T>(
    clock: Clock,
    keeps: boolean,
    use: (reading: CoordsReading) => Promise<T>,
  ): Promise<T> {
    const asked = new Map<string, Known | null>();
    const seen = await use({
      read: async (object) => {
        const stat = await statOf(this.#seat.client, object, clock.options);
        const former = this.#known.get(object) ?? null;
        if (stat === null && former === null && !this.#waits) return null;
        const stays = stat === null ? former : null;
        const known = stays ?? (await this.#read(object, stat, clock.options));
        asked.set(object, known);
        return known;
      },
      find: async (object, size) => {
        const stat = await statOf(this.#seat.client, object, clock.options);
        const former = (keeps ? this.#known.get(object) : null) ?? null;
        const known = has(stat, size) ? await this.#read(object, stat, clock.options) : former;
        asked.set(object, known);
        return known;
      },
    });
    this.#known = asked;
    return seen;
  }

  async #read(object: string, stat: ValueMap | null, options: WaitOptions): Promise<Known> {
    const of = stat === null ? '' : `${stat['version']} ${stat['time']}`;
    const known = this.#known.get(object) ?? null;
    if (known !== null && known.of === of) return known;
    return { of, ...(await readCoords(this.#seat, object, options)) };
  }
}

/** The coordinates that an object has; null: it is not there, or has not so many. */
export async function coordsAt(
  seat: Seat,
  object: string,
  size: number,
  options: WaitOptions,
): Promise<readonly Label[] | null> {
  const stat = await statOf(seat.client, object, options);
  return has(stat, size) ? (await readCoords(seat, object, options)).labels : null;
}

/** What is known of an object that is offered; else null. */
async function statOf(
  client: Client,
  name: string,
  options: WaitOptions,
): Promise<ValueMap | null> {
  try {
    const write = (w: Writer): void => writeStat(w, name);
    const known = asMap(await askValue(client, `stat "${name}"`, write, options));
    return known['state'] === 'offered' ? known : null;
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-object') return null;
    throw error;
  }
}

/** Whether it has so many numbers along its one dimension. */
function has(stat: ValueMap | null, size: number): boolean {
  if (stat === null) return false;
  const { shape, dtype } = stat;
  return Array.isArray(shape) && shape.join() === `${size}` && isPlain(dtype as Dtype);
}

function isPlain(dtype: Dtype): boolean {
  const others: readonly Dtype[] = ['bool', 'float16', 'complex64', 'complex128'];
  return isNumeric(dtype) && !others.includes(dtype);
}

/** The coordinates that an object of one dimension has. */
async function readCoords(
  seat: Seat,
  name: string,
  { timeoutMs, signal }: WaitOptions,
): Promise<ObjectLabels> {
  await using values = await new PoolObject(seat, name, {}).demand({
    ...{ timeoutMs, signal, byteOrder: 'little' },
  });
  const { attributes, space } = values;
  const { dtype, shape } = space;
  if (shape.length === 1 && isPlain(dtype)) {
    return { labels: Array.from(values.array), dtype, attributes };
  }
  const why = `coordinates are one dimension of real numbers, not ${dtype}[${shape.join(', ')}]`;
  throw new AttaccaError('bad-space', `Cannot use "${name}": ${why}`, { name });
}
