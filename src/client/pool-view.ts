import type { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import {
  EXPLAIN,
  MEMBER_NONE,
  writeDelete,
  writeExplain,
  writeInfo,
  writeMembers,
  writeStat,
  writeStop,
  writeTag,
  writeUnkeep,
} from '../protocol/index.js';
import type { Actor } from './actor.js';
import { askHeld, askOk, askValue, asMap, asMaps } from './asking.js';
import { Catalog } from './catalog.js';
import type { Client } from './client.js';
import type { Transport } from './data-plane.js';
import { defineStepQueue, type StepQueueOptions } from './events/step-queue.js';
import {
  type FacetOptions,
  type FacetValues,
  facetValues,
  type Histogram,
  histogramsOf,
} from './faceting.js';
import { checkOptions } from './known-options.js';
import { type Lineage, type LineageOptions, lineageOf } from './lineage.js';
import { type Attributes, deadlineOf, type WaitOptions } from './options.js';
import { type ProvDocument, provOf } from './prov.js';
import {
  type Changed,
  type ChangeOptions,
  countObjects,
  endObjects,
  type Found,
  globSelector,
  type QueryOptions,
  queryObjects,
  queryPages,
  tagObjects,
} from './selecting.js';
import type { Tenancy } from './tenancy.js';

/**
 * A connection to a pool that looks, and changes what needs no member: made by `connect()`.
 *
 * ```ts
 * await using view = await connect();
 * for await (const name of view.list('t/*')) console.log(name);
 * ```
 */
export class PoolView {
  protected readonly client: Client;
  protected readonly tenancy: Tenancy;
  readonly #actor: Actor;

  /** Schemas, containers, collections, and relations between objects. */
  readonly catalog: Catalog;

  /** `number`: that of the member which this is, in its session. */
  constructor(tenancy: Tenancy, number = MEMBER_NONE) {
    this.tenancy = tenancy;
    this.client = tenancy.client;
    this.#actor = { client: tenancy.client, number };
    this.catalog = new Catalog(this.#actor);
  }

  /** The pool's workflow name. */
  get poolName(): string {
    return this.client.connection.accept?.poolName ?? '';
  }

  /** The pool's random id. */
  get poolId(): string {
    return this.client.connection.accept?.poolId ?? '';
  }

  /** How bytes move: by mapping the pool's memory, or over the socket. */
  get transport(): Transport {
    return this.client.plane.transport;
  }

  /** Why so, in words. */
  get transportReason(): string {
    return this.client.plane.reason;
  }

  /** The directory of the pool's slabs, where this process can use it; else null. */
  get slabsDirectory(): string | null {
    return this.transport === 'shared-memory' ? this.client.pool.slabs : null;
  }

  /** What the pool knows of one object. `unknown-object` when it knows none of that name. */
  async stat(name: string): Promise<ValueMap> {
    return asMap(await askValue(this.client, `stat "${name}"`, (w) => writeStat(w, name)));
  }

  /**
   * Names that match a glob (`*`, `?`, `[a-z]`), in no order; with `detail` maps as of {@link
   * stat}. Comes in pages: what exists all the time is listed once, what is made or ends meanwhile
   * may be.
   */
  list(glob?: string, options?: WaitOptions & { detail?: false }): AsyncGenerator<string>;
  list(glob: string, options: WaitOptions & { detail: true }): AsyncGenerator<ValueMap>;
  async *list(
    glob = '*',
    options: WaitOptions & { detail?: boolean } = {},
  ): AsyncGenerator<string | ValueMap> {
    checkOptions('list', `list "${glob}"`, options);
    if (typeof glob !== 'string') {
      throw new AttaccaError('bad-argument', 'Cannot list: the first argument is a glob, a text');
    }
    const detail = options.detail === true ? 'all' : 'name';
    const selector = globSelector(glob);
    for await (const row of queryObjects(this.client, selector, { ...options, detail })) {
      if (typeof row === 'string') yield row;
      else yield asMap(row);
    }
  }

  /**
   * Objects that a selector selects: `param = "t" and step in 0..24` (docs/selectors.md). Comes in
   * pages, each exact at its moment: what is selected all the time comes once, what is made,
   * changed or ends meanwhile may. `bad-selector` points at the character that is wrong.
   *
   * ```ts
   * for await (const { name, attributes } of pool.query('param = "t"', { sort: '-step' })) {
   *   console.log(name, attributes['step']);
   * }
   * ```
   */
  query(
    selector: string,
    options: QueryOptions & { readonly detail: 'name' },
  ): AsyncGenerator<string>;
  query(
    selector: string,
    options: QueryOptions & { readonly detail: 'all' },
  ): AsyncGenerator<ValueMap>;
  query(
    selector: string,
    options?: QueryOptions & { readonly detail?: 'attributes' | undefined },
  ): AsyncGenerator<Found>;
  async *query(
    selector: string,
    options: QueryOptions = {},
  ): AsyncGenerator<string | ValueMap | Found> {
    checkOptions('query', `query ${selector}`, options);
    for await (const row of queryObjects(this.client, selector, options)) {
      if (typeof row === 'string') yield row;
      else yield asMap(row);
    }
  }

  /** As {@link query}, a page at a time, as the pool gives them: for very many objects. */
  queryPages(
    selector: string,
    options: QueryOptions & { readonly detail: 'name' },
  ): AsyncGenerator<readonly string[]>;
  queryPages(
    selector: string,
    options: QueryOptions & { readonly detail: 'all' },
  ): AsyncGenerator<readonly ValueMap[]>;
  queryPages(
    selector: string,
    options?: QueryOptions & { readonly detail?: 'attributes' | undefined },
  ): AsyncGenerator<readonly Found[]>;
  async *queryPages(
    selector: string,
    options: QueryOptions = {},
  ): AsyncGenerator<readonly (string | ValueMap | Found)[]> {
    checkOptions('query', `query ${selector}`, options);
    for await (const page of queryPages(this.client, selector, options)) {
      yield page as readonly (string | ValueMap | Found)[];
    }
  }

  /**
   * How a pool would answer a selector now: a tree of `selector` (the part, or null where it joins
   * `parts`), `how` in words, and `candidates`, which it leaves at most; and `unknownKeys`, those
   * of its keys that no object has: of each `key` and `meant`, the nearest known one, or null.
   */
  async explainSelector(selector: string): Promise<ValueMap> {
    const write = (w: Parameters<typeof writeExplain>[0]): void =>
      writeExplain(w, EXPLAIN.selector, selector);
    return asMap(await askValue(this.client, `explain ${selector}`, write));
  }

  /** How many objects a selector selects; none of them is fetched. */
  async count(selector: string, options: WaitOptions = {}): Promise<number> {
    checkOptions('wait', `count ${selector}`, options);
    return await countObjects(this.client, selector, options);
  }

  /** The distinct values of a key, of all objects or of those selected, the most frequent first. */
  async facets(key: string, options: FacetOptions = {}): Promise<FacetValues> {
    checkOptions('facets', `count the values of "${key}"`, options);
    return await facetValues(this.client, key, options);
  }

  /** How often the numbers of a key, and its timestamps, lie in which range. */
  async histograms(key: string, options: FacetOptions = {}): Promise<Histogram[]> {
    checkOptions('facets', `count the values of "${key}"`, options);
    return await histogramsOf(this.client, key, options);
  }

  /** Adds or replaces tags of all objects that a selector selects. */
  async tagSelected(
    selector: string,
    tags: Attributes,
    options: ChangeOptions = {},
  ): Promise<Changed> {
    checkOptions('change', `tag ${selector}`, options);
    return await tagObjects(this.#actor, selector, { tags, removed: [] }, options);
  }

  /** Removes tags of all objects that a selector selects. */
  async untagSelected(
    selector: string,
    tags: readonly string[],
    options: ChangeOptions = {},
  ): Promise<Changed> {
    checkOptions('change', `untag ${selector}`, options);
    return await tagObjects(this.#actor, selector, { tags: {}, removed: tags }, options);
  }

  /** As {@link delete}, of all objects that a selector selects. */
  async deleteSelected(
    selector: string,
    options: ChangeOptions & { readonly force?: boolean | undefined } = {},
  ): Promise<Changed> {
    checkOptions('changeForced', `delete ${selector}`, options);
    const how = options.force === true ? 'deleteForced' : 'delete';
    return await endObjects(this.#actor, selector, how, options);
  }

  /** As {@link unkeep}, of all objects that a selector selects. */
  async unkeepSelected(selector: string, options: ChangeOptions = {}): Promise<Changed> {
    checkOptions('change', `withdraw ${selector}`, options);
    return await endObjects(this.#actor, selector, 'unkeep', options);
  }

  /**
   * Defines a step queue of that name, which the pool keeps (docs/steps.md): of the objects that
   * `select` selects the steps, which an attribute says (`by`, whole numbers). `keep`: when more
   * steps are offered, the oldest are withdrawn. `maxAhead`: an offer of a step waits while so many
   * earlier ones are not done by somebody who requires them. It counts what is offered from then
   * on. Defined again as it is, it stays; as another it is refused with `bad-argument`.
   *
   * ```ts
   * await pool.stepQueue('t850', { select: 'param = "t"', by: 'step', keep: 4 });
   * ```
   */
  async stepQueue(name: string, options: StepQueueOptions): Promise<void> {
    checkOptions('stepQueue', `define the queue "${name}"`, options);
    await defineStepQueue(this.client, name, options);
  }

  /** There is no step queue of that name any more; who takes its latest steps is told. */
  async forgetStepQueue(name: string): Promise<void> {
    await defineStepQueue(this.client, name, null);
  }

  /** The members of the pool: name, process, what they hold. */
  async members(): Promise<ValueMap[]> {
    return asMaps(await askValue(this.client, 'look at the members', writeMembers));
  }

  /** Who waits for whom, since when, and what would end it: of one name, or of all that wait. */
  async explain(name?: string): Promise<ValueMap> {
    const what = name === undefined ? EXPLAIN.waits : EXPLAIN.name;
    const action = name === undefined ? 'explain the waits' : `explain "${name}"`;
    return asMap(await askValue(this.client, action, (w) => writeExplain(w, what, name)));
  }

  /** Rings of members that wait for one another; the pool does not break them. */
  async rings(): Promise<ValueMap> {
    const write = (w: Parameters<typeof writeExplain>[0]): void => writeExplain(w, EXPLAIN.rings);
    return asMap(await askValue(this.client, 'look for rings', write));
  }

  /**
   * What an object's version that is offered, or was last, was made of, and what was made of it:
   * the pool notes what a member had demanded when it offered something, and reads what objects
   * declare of each other. `unknown-object` when it remembers none of that name.
   */
  async lineage(name: string, options: LineageOptions = {}): Promise<Lineage> {
    checkOptions('lineage', `look at the lineage of "${name}"`, options);
    return await lineageOf(this.client, name, options);
  }

  /** As {@link lineage}, as a document of W3C PROV: `JSON.stringify` makes PROV-JSON of it. */
  async prov(name: string, options: LineageOptions = {}): Promise<ProvDocument> {
    return provOf(await this.lineage(name, options), this.poolId);
  }

  /** The pool: its counts, memory and limits. */
  async info(): Promise<ValueMap> {
    return asMap(await askValue(this.client, 'look at the pool', writeInfo));
  }

  /**
   * Adds or replaces tags of an object. `unknown-object` when there is none. A subscriber may hold
   * it: then it waits for as long as the options say, or the subscriber's `answerMs`.
   */
  async tag(name: string, tags: Attributes, options: WaitOptions = {}): Promise<void> {
    checkOptions('wait', `tag "${name}"`, options);
    const { keys } = this.client.connection;
    const { number } = this.#actor;
    const pairs = Object.entries(tags).map(([key, value]) => [keys.of(key), value] as const);
    const write = (w: Writer): void => writeTag(w, name, number, pairs, []);
    await askHeld(this.client, `tag "${name}"`, write, options);
  }

  /** Removes tags of an object; one that it does not have is no error. */
  async untag(name: string, ...tags: readonly string[]): Promise<void> {
    const { keys } = this.client.connection;
    const removed = tags.map((tag) => keys.of(tag));
    const { number } = this.#actor;
    await askOk(this.client, `untag "${name}"`, (w) => writeTag(w, name, number, [], removed));
  }

  /**
   * Ends an object and its bytes; readers that hold it keep their view. `object-required` while a
   * require is open, unless forced, which fails those with `object-deleted`.
   */
  async delete(
    name: string,
    options: WaitOptions & { readonly force?: boolean } = {},
  ): Promise<void> {
    checkOptions('forced', `delete "${name}"`, options);
    const force = options.force === true;
    const write = (w: Writer): void => writeDelete(w, name, this.#actor.number, force);
    await askHeld(this.client, `delete "${name}"`, write, options);
  }

  /** Withdraws what was offered with `keep`, whoever offered it. */
  async unkeep(name: string, options: WaitOptions = {}): Promise<void> {
    checkOptions('wait', `unkeep "${name}"`, options);
    const deadline = deadlineOf(options.timeoutMs);
    const write = (w: Writer): void => writeUnkeep(w, name, this.#actor.number, deadline);
    await askOk(this.client, `unkeep "${name}"`, write, options);
  }

  /**
   * Asks the pool to stop. It does when nothing is required any more, or by force; `required` says
   * what still is (`name`, `member`, `state`), and when that is not empty and force was not said,
   * the pool goes on.
   */
  async stop(
    options: WaitOptions & { readonly force?: boolean } = {},
  ): Promise<{ readonly required: readonly ValueMap[] }> {
    checkOptions('forced', 'stop the pool', options);
    const force = options.force === true;
    const deadline = deadlineOf(options.timeoutMs);
    const answer = asMap(
      await askValue(this.client, 'stop the pool', (w) => writeStop(w, force, deadline), options),
    );
    return { required: asMaps(answer['required'] ?? []) };
  }

  /** Ends the use of the pool. Idempotent, and quiet when the connection is gone already. */
  async close(): Promise<void> {
    await this.tenancy.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
