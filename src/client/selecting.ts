import type { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { compileGlob } from '../core/glob.js';
import { LIMITS } from '../core/limits.js';
import { quoted } from '../core/selector/printer.js';
import { orderOfBytes } from '../core/selector/satisfies.js';
import { encodeUtf8 } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import { compareValues } from '../core/value-order.js';
import {
  DETAIL,
  END,
  writeCount,
  writeEndSelected,
  writeQuery,
  writeSort,
  writeTagSelected,
} from '../protocol/index.js';
import type { Actor } from './actor.js';
import { askHeldValue, askValue, asMap, asMaps } from './asking.js';
import type { Client } from './client.js';
import type { Attributes, WaitOptions } from './options.js';

/** An object that a query has found: its attributes, and its tags put over them. */
export interface Found {
  readonly name: string;
  readonly attributes: Attributes;
}

export interface QueryOptions extends WaitOptions {
  /**
   * What comes of each object: its name alone, its name with attributes and tags, or all that the
   * pool knows of it, as of `stat`. Left out: `attributes`.
   */
  readonly detail?: 'name' | 'attributes' | 'all' | undefined;
  /**
   * A key to sort by, with `-` in front from the last to the first: `step`, `-.time`. Objects
   * without it come last, those with equal values in the order of their names. Left out: in no
   * order, which is quicker.
   */
  readonly sort?: string | undefined;
  /** At most so many. */
  readonly limit?: number | undefined;
}

/** What was done with all that a selector selects. */
export interface Changed {
  readonly selected: number;
  readonly changed: number;
  /** Why some were not: `name`, `code`, `message`; of each part of the pool the first hundred. */
  readonly refused: readonly ValueMap[];
}

export interface ChangeOptions extends WaitOptions {
  /** Changes nothing, and says what would be. */
  readonly dryRun?: boolean | undefined;
  /** Called after each part with how many objects were selected until then. */
  readonly progress?: ((selected: number) => void) | undefined;
}

const DETAILS = { name: DETAIL.name, attributes: DETAIL.found, all: DETAIL.stat } as const;
/** So many a page: a page is one answer, and its size is bounded by the pool as well. */
const PAGES = { name: LIMITS.listPageMax, attributes: 8_192, all: 1_024 } as const;

interface Page {
  readonly objects: readonly Value[];
  readonly next: string | null;
  readonly isCut: boolean;
}

/** What selects the names that match a glob. Refuses with `bad-argument` one that is malformed. */
export function globSelector(glob: string): string {
  if (glob === '*') return '';
  compileGlob(glob);
  return `name ~ ${quoted(glob)}`;
}

/** All that is selected, as it comes. */
export async function* queryObjects(
  client: Client,
  selector: string,
  options: QueryOptions,
): AsyncGenerator<Value, void, undefined> {
  for await (const objects of queryPages(client, selector, options)) yield* objects;
}

/** All that is selected, a page at a time; pages may be empty. */
export async function* queryPages(
  client: Client,
  selector: string,
  options: QueryOptions,
): AsyncGenerator<readonly Value[], void, undefined> {
  const { limit = Number.POSITIVE_INFINITY, sort } = options;
  if (!(limit >= 0)) {
    throw new RangeError(`Cannot query for ${limit} objects: a limit is 0 or more`);
  }
  if (limit === 0) return;
  const pages =
    sort === undefined
      ? inRows(client, selector, options)
      : sorted(client, selector, sort, options);
  let left = limit;
  for await (const objects of pages) {
    yield objects.length <= left ? objects : objects.slice(0, left);
    left -= objects.length;
    if (left <= 0) return;
  }
}

async function* inRows(
  client: Client,
  selector: string,
  options: QueryOptions,
): AsyncGenerator<readonly Value[], void, undefined> {
  const { detail = 'attributes', limit = Number.POSITIVE_INFINITY } = options;
  const page = { selector, limit: Math.min(PAGES[detail], limit), detail: DETAILS[detail] };
  for (let after: string | null = ''; after !== null; ) {
    const cursor: string = after;
    const write = (w: Writer): void => writeQuery(w, { ...page, after: cursor });
    const { objects, next } = await askPage(client, selector, write, options);
    yield objects;
    after = next;
  }
}

interface Sorted {
  readonly key: Value;
  readonly name: string;
  readonly object: Value;
}

/**
 * In the order of a key: the pool gives of each part of it the first behind a place, which are
 * merged here. The next page begins behind the last of this one, whatever has come and gone.
 */
async function* sorted(
  client: Client,
  selector: string,
  sort: string,
  options: QueryOptions,
): AsyncGenerator<readonly Value[], void, undefined> {
  const { detail = 'attributes', limit = Number.POSITIVE_INFINITY } = options;
  const descending = sort.startsWith('-');
  const key = descending ? sort.slice(1) : sort;
  const most = Math.min(PAGES[detail], limit);
  const request = { selector, key, descending, limit: most, detail: DETAILS[detail] };
  const compare = (one: Sorted, other: Sorted): number =>
    compareValues(one.key, other.key, descending) ||
    orderOfBytes(encodeUtf8(one.name), encodeUtf8(other.name));
  for (let place: Sorted | undefined; ; ) {
    let best: Sorted[] = [];
    // Behind the last row of a part that was cut nothing is known of it.
    let known: Sorted | null = null;
    const behind = place === undefined ? null : { value: place.key, name: place.name };
    for (let after: string | null = ''; after !== null; ) {
      const cursor: string = after;
      const write = (w: Writer): void => writeSort(w, { ...request, after: cursor, place: behind });
      const { objects, next, isCut } = await askPage(client, selector, write, options);
      const part = objects.map(sortedOf);
      const last = isCut ? part.at(-1) : undefined;
      if (last !== undefined && (known === null || compare(last, known) < 0)) known = last;
      best = [...best, ...part].sort(compare).slice(0, most);
      after = next;
    }
    const end = known;
    if (end !== null) best = best.filter((each) => compare(each, end) <= 0);
    if (best.length === 0) return;
    yield best.map(({ object }) => object);
    if (best.length < most && end === null) return;
    place = best.at(-1);
  }
}

function sortedOf(row: Value): Sorted {
  const { key = null, object = null } = asMap(row);
  const name = typeof object === 'string' ? object : asMap(object)['name'];
  if (typeof name !== 'string') throw noAnswer();
  return { key, name, object };
}

/** How many objects are selected. */
export async function countObjects(
  client: Client,
  selector: string,
  options: WaitOptions,
): Promise<number> {
  let counted = 0;
  for (let after: string | null = ''; after !== null; ) {
    const cursor: string = after;
    const write = (w: Writer): void => writeCount(w, { selector, after: cursor });
    const answer = asMap(await askValue(client, `count ${selector}`, write, options));
    if (typeof answer['count'] !== 'number') throw noAnswer();
    counted += answer['count'];
    after = nextOf(answer);
  }
  return counted;
}

/** Sets and removes tags of all that is selected. */
export function tagObjects(
  actor: Actor,
  selector: string,
  { tags, removed }: { readonly tags: Attributes; readonly removed: readonly string[] },
  options: ChangeOptions,
): Promise<Changed> {
  const { keys } = actor.client.connection;
  const pairs = Object.entries(tags).map(([key, value]) => [keys.of(key), value] as const);
  const gone = removed.map((key) => keys.of(key));
  return changeObjects(actor, `tag ${selector}`, selector, options, (w, part) =>
    writeTagSelected(w, { ...part, tags: pairs, removed: gone }),
  );
}

/** Withdraws or deletes all that is selected. */
export function endObjects(
  actor: Actor,
  selector: string,
  how: keyof typeof END,
  options: ChangeOptions,
): Promise<Changed> {
  const what = how === 'unkeep' ? 'withdraw' : 'delete';
  return changeObjects(actor, `${what} ${selector}`, selector, options, (w, part) =>
    writeEndSelected(w, { ...part, how: END[how] }),
  );
}

/** What a request to change a part of what is selected says. */
interface Changing {
  readonly selector: string;
  readonly after: string;
  readonly member: number;
  readonly dry: boolean;
}

/** Asks for a change part by part, until all is changed. */
export async function changeObjects(
  actor: Actor,
  what: string,
  selector: string,
  options: ChangeOptions,
  write: (w: Writer, part: Changing) => void,
): Promise<Changed> {
  const { client, number: member } = actor;
  const dry = options.dryRun === true;
  let selected = 0;
  let changed = 0;
  const refused: ValueMap[] = [];
  // What a variable that is not set leaves would be all that the pool has.
  if (typeof selector !== 'string' || selector.trim() === '') {
    const why = 'the selector is empty, which selects everything; say "true" if that is meant';
    throw new AttaccaError('bad-argument', `Cannot ${what.trim()} anything: ${why}`);
  }
  for (let after: string | null = ''; after !== null; ) {
    const part = { selector, after, member, dry };
    const ask = (w: Writer): void => write(w, part);
    const answer = asMap(await askHeldValue(client, what, ask, options));
    selected += numberOf(answer['selected']);
    changed += numberOf(answer['changed']);
    refused.push(...asMaps(answer['refused'] ?? []));
    options.progress?.(selected);
    after = nextOf(answer);
  }
  return { selected, changed, refused };
}

async function askPage(
  client: Client,
  selector: string,
  write: (w: Writer) => void,
  options: WaitOptions,
): Promise<Page> {
  const answer = asMap(await askValue(client, `query ${selector}`, write, options));
  const { objects } = answer;
  if (!Array.isArray(objects)) throw noAnswer();
  return { objects, next: nextOf(answer), isCut: answer['cut'] === true };
}

function nextOf(answer: ValueMap): string | null {
  const { next } = answer;
  return typeof next === 'string' ? next : null;
}

function numberOf(value: Value | undefined): number {
  if (typeof value !== 'number') throw noAnswer();
  return value;
}

function noAnswer(): AttaccaError {
  return new AttaccaError('bad-message', 'Cannot take the answer: it is none to a selector');
}
