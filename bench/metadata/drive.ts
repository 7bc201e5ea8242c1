/** What is timed, of any store; every answer is checked. As python/metadata.py. */
import { median } from '../harness/statistics.js';
import { nowNs } from '../harness/take-part.js';
import {
  type Described,
  exactQuestion,
  infixQuestion,
  objectOf,
  type Population,
  partialQuestion,
  type Question,
  rangeQuestion,
} from './objects.js';
import type { MetadataStore } from './store.js';

/** Of every side alike: until its code is compiled, or caches are filled, and no longer. */
const EXACT_WARM = 3_000;
const WARM_MS_MAX = 2_000;
const EXACT_TURNS = 1_000;
const EXACT_TOGETHER = 1_000;
const SEARCH_WARM = 200;
const SEARCH_WARM_MS_MAX = 1_000;
const TURNS = 10;
const TAG_WHERE_TURNS = 15;
/** Of a search that takes long, fewer turns are taken. */
const SEARCH_MS_MAX = 10_000;
/** Tags are under way in so many groups of so many; one group is always on its way. */
const TAG_GROUPS = 4;
const TAG_GROUP = 250;
const TAG_VALUES = 10;
/** Prime to the counts: objects are asked for in no order of theirs. */
const ASK_STRIDE = 7_919;

/** How many objects a client has fetched, the sum of their time steps, from when to when. */
interface Fetched {
  readonly startNs: number;
  readonly endNs: number;
  readonly count: number;
  readonly steps: number;
}

export class Driver {
  readonly #store: MetadataStore;
  readonly #population: Population;

  constructor(store: MetadataStore, population: Population) {
    this.#store = store;
    this.#population = population;
  }

  /** Loads some objects that no question finds, so that all code is compiled. */
  async warmUp({ from, count }: { from: number; count: number }): Promise<object> {
    await this.#load(from, from + count);
    return {};
  }

  /** Makes the first objects, until they can be searched; or more of them, which can at once. */
  async create(which: {
    from: number;
    count: number;
    isFirst: boolean;
  }): Promise<{ perSecond: number }> {
    const { from, count, isFirst } = which;
    const began = nowNs();
    await this.#load(from, from + count);
    if (isFirst) await this.#store.settle();
    return { perSecond: (count / (nowNs() - began)) * 1e9 };
  }

  async #load(from: number, end: number): Promise<void> {
    const { objects, underWay } = this.#store.batch;
    let next = from;
    const one = async (): Promise<void> => {
      while (next < end) {
        const first = next;
        next = Math.min(first + objects, end);
        await this.#store.load(this.#objects(first, next));
      }
    };
    await Promise.all(Array.from({ length: underWay }, one));
  }

  /** One question at a time, one after the other: the median. */
  async exact(): Promise<{ us: number }> {
    const warmEndNs = nowNs() + WARM_MS_MAX * 1e6;
    for (let turn = 0; turn < EXACT_WARM && nowNs() < warmEndNs; turn++) await this.#askOne(turn);
    const tookNs: number[] = [];
    for (let turn = 0; turn < EXACT_TURNS; turn++) tookNs.push(await this.#askOne(turn));
    return { us: median(tookNs) / 1e3 };
  }

  /** How long it takes to find one object. */
  async #askOne(turn: number): Promise<number> {
    const described = this.#asked(turn);
    const question = exactQuestion(described);
    const began = nowNs();
    const names = await this.#names(question);
    const tookNs = nowNs() - began;
    checkNames(names, [described.object]);
    return tookNs;
  }

  /** Many questions handed over together. */
  async exactTogether(): Promise<{ us: number }> {
    const ms = await this.#searchMs(async (turn) => {
      const asked = Array.from({ length: EXACT_TOGETHER }, (_, at) =>
        this.#asked(turn * EXACT_TOGETHER + at),
      );
      const questions = asked.map(exactQuestion);
      const began = nowNs();
      const names = await this.#store.queryEach(questions);
      const tookNs = nowNs() - began;
      checkNames(
        names,
        asked.map(({ object }) => object),
      );
      return tookNs;
    });
    return { us: ms * 1e3 };
  }

  async partial(): Promise<{ ms: number }> {
    return { ms: await this.#hundredthMs((turn) => partialQuestion(turn)) };
  }

  async range(): Promise<{ ms: number }> {
    return { ms: await this.#hundredthMs((turn) => rangeQuestion(this.#population, turn)) };
  }

  async infix(): Promise<{ ms: number }> {
    const ms = await this.#searchMs(async (turn) => {
      const described = this.#asked(turn);
      const began = nowNs();
      const names = await this.#names(infixQuestion(described));
      const tookNs = nowNs() - began;
      if (!names.includes(described.object)) throw new Error(`"${described.object}" is not found`);
      return tookNs;
    });
    return { ms };
  }

  /** A tag a request, many under way; of `tags` objects. */
  async tagEach({ tags: count }: { tags: number }): Promise<{ perSecond: number }> {
    const stride = this.#population.count / count;
    const tags = Array.from({ length: count }, (_, at) => ({
      object: objectOf(this.#population, at * stride).object,
      value: qualityOf(at),
    }));
    const began = nowNs();
    let next = 0;
    const one = async (): Promise<void> => {
      while (next < count) {
        const first = next;
        next += TAG_GROUP;
        await this.#store.tagEach(tags.slice(first, next), 'quality');
      }
    };
    await Promise.all(Array.from({ length: TAG_GROUPS }, one));
    return { perSecond: (count / (nowNs() - began)) * 1e9 };
  }

  /** Whether the tags of `tagEach` are found. */
  async countTags({ tags }: { tags: number }): Promise<{ count: number }> {
    const count = await this.#store.count({ equal: { quality: qualityOf(0) } });
    const expected = tags / TAG_VALUES;
    if (count !== expected) throw new Error(`${count} tags are found instead of ${expected}`);
    return { count };
  }

  /** A hundredth of all objects tagged by one question, several times. */
  async tagWhere(): Promise<{ perSecond: number }> {
    const expected = this.#population.count / 100;
    const rates: number[] = [];
    const endNs = nowNs() + SEARCH_MS_MAX * 1e6;
    for (let turn = 0; turn < TAG_WHERE_TURNS && (turn === 0 || nowNs() < endNs); turn++) {
      const began = nowNs();
      const count = await this.#store.tagWhere(partialQuestion(turn), 'selected', 'yes');
      rates.push((count / (nowNs() - began)) * 1e9);
      if (count !== expected) throw new Error(`${count} are tagged instead of ${expected}`);
    }
    return { perSecond: median(rates) };
  }

  /** Tags each `every`-th object, by name. */
  async group({ every }: { every: number }): Promise<{ ms: number }> {
    const objects: string[] = [];
    for (let index = 0; index < this.#population.count; index += every) {
      objects.push(objectOf(this.#population, index).object);
    }
    const began = nowNs();
    await this.#store.tag(objects, groupOf(every), 'in');
    const ms = (nowNs() - began) / 1e6;
    await this.#store.settle();
    return { ms };
  }

  /** Fetches a group with its attributes, all of which are looked at. */
  async fetch({ every }: { every: number }): Promise<Fetched> {
    const question = { equal: { [groupOf(every)]: 'in' } };
    const startNs = nowNs();
    let count = 0;
    let steps = 0;
    for await (const page of this.#store.query(question, { attributes: true })) {
      for (const { attributes } of page) {
        if (attributes === null || attributes['label'] === undefined) throw new Error('no label');
        steps += Number(attributes['time_step']);
        count++;
      }
    }
    return { startNs, endNs: nowNs(), count, steps };
  }

  #objects(from: number, end: number): Described[] {
    return Array.from({ length: end - from }, (_, at) => objectOf(this.#population, from + at));
  }

  #asked(turn: number): Described {
    return objectOf(this.#population, (turn * ASK_STRIDE) % this.#population.count);
  }

  async #names(question: Question): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.#store.query(question, { attributes: false })) {
      for (const { object } of page) names.push(object);
    }
    return names;
  }

  async #hundredthMs(questionOf: (turn: number) => Question): Promise<number> {
    const expected = this.#population.count / 100;
    return await this.#searchMs(async (turn) => {
      const question = questionOf(turn);
      const began = nowNs();
      const names = await this.#names(question);
      const tookNs = nowNs() - began;
      if (new Set(names).size !== expected || names.length !== expected) {
        throw new Error(`${names.length} names are found instead of ${expected}`);
      }
      return tookNs;
    });
  }

  /** The median of several turns, each of which says what it took; others warm up before. */
  async #searchMs(search: (turn: number) => Promise<number>): Promise<number> {
    const firstNs = await search(0);
    const warmEndNs = nowNs() + SEARCH_WARM_MS_MAX * 1e6;
    for (let turn = 1; turn < SEARCH_WARM && nowNs() < warmEndNs; turn++) await search(turn);
    const tookNs: number[] = [];
    const endNs = nowNs() + SEARCH_MS_MAX * 1e6;
    for (let turn = 1; turn <= TURNS && nowNs() < endNs; turn++) tookNs.push(await search(turn));
    return (tookNs.length === 0 ? firstNs : median(tookNs)) / 1e6;
  }
}

/** Has clients fetch a group at once, each all of it; what they have is looked at when all do. */
export async function fetchTogether(
  drivers: readonly Driver[],
  { every, population }: { readonly every: number; readonly population: Population },
): Promise<{ startNs: number; endNs: number }> {
  const fetched = await Promise.all(drivers.map((driver) => driver.fetch({ every })));
  let expectedSteps = 0;
  for (let index = 0; index < population.count; index += every) {
    expectedSteps += objectOf(population, index).attributes.time_step;
  }
  const expectedCount = Math.ceil(population.count / every);
  for (const { count, steps } of fetched) {
    if (count === expectedCount && steps === expectedSteps) continue;
    throw new Error(
      `${count} objects of ${steps} steps instead of ${expectedCount} of ${expectedSteps}`,
    );
  }
  return {
    startNs: Math.min(...fetched.map(({ startNs }) => startNs)),
    endNs: Math.max(...fetched.map(({ endNs }) => endNs)),
  };
}

function qualityOf(at: number): string {
  return `q${at % TAG_VALUES}`;
}

function groupOf(every: number): string {
  return `group_${every}`;
}

function checkNames(names: readonly string[], expected: readonly string[]): void {
  const wrong = expected.findIndex((name, at) => names[at] !== name);
  if (wrong < 0 && names.length === expected.length) return;
  throw new Error(`"${names[wrong]}" is found instead of "${expected[wrong]}" (${names.length})`);
}
