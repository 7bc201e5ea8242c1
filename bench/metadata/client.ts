/** A process that asks a store: the product or a rival that is reached from Node. */
import { numberOf, type Reply, textOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';
import { Driver, fetchTogether } from './drive.js';
import { isPattern, type Population } from './objects.js';
import type { Schema } from './postgres-schemas.js';
import { CannotError, type MetadataStore } from './store.js';

/** Where a store is, which connection to it this is, and whether it keeps what it is given. */
interface Opening {
  readonly to: string;
  readonly index: number;
  readonly isKept: boolean;
}

/** Each side loads its own code only. */
const STORES: Readonly<Record<string, (opening: Opening) => Promise<MetadataStore>>> = {
  attacca: async ({ to, index }) => {
    const { poolStore } = await import('../product/metadata.js');
    return await poolStore(to, index);
  },
  postgresql_jsonb: async (opening) => {
    const { jsonbSchema } = await import('./postgres-schemas.js');
    return await postgresStore(opening, jsonbSchema);
  },
  postgresql_columns: async (opening) => {
    const { columnsSchema } = await import('./postgres-schemas.js');
    return await postgresStore(opening, columnsSchema);
  },
  redis: async ({ to }) => {
    const { RedisStore } = await import('./redis-store.js');
    return await RedisStore.open(to);
  },
};

async function postgresStore(opening: Opening, schema: Schema): Promise<MetadataStore> {
  const { PostgresStore } = await import('./postgres-store.js');
  const store = await PostgresStore.open(opening.to, schema, opening.isKept);
  if (opening.index === 0) await store.prepare();
  return store;
}

const drivers: Driver[] = [];
let population: Population = { pattern: 'one', count: 1 };

function populationIn(request: Reply): Population {
  const pattern = textOf(request, 'pattern');
  if (!isPattern(pattern)) throw new RangeError(`Cannot make objects of the pattern "${pattern}"`);
  return { pattern, count: numberOf(request, 'count') };
}

function mainDriver(): Driver {
  const [driver] = drivers;
  if (driver === undefined) throw new RangeError('Cannot ask: not connected');
  return driver;
}

/** What the store cannot do is an answer, not a failure. */
async function orCannot(work: Promise<object>): Promise<object> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CannotError) return { cannot: error.message };
    throw error;
  }
}

takePart({
  async open(request) {
    population = populationIn(request);
    const open = STORES[textOf(request, 'kind')];
    if (open === undefined) throw new RangeError('Cannot open a store: it is of no kind known');
    const first = numberOf(request, 'first');
    for (let i = 0; i < numberOf(request, 'connections'); i++) {
      const isKept = request['isKept'] === true;
      const store = await open({ to: textOf(request, 'to'), index: first + i, isKept });
      drivers.push(new Driver(store, population));
    }
    return {};
  },
  warmUp: (request) =>
    mainDriver().warmUp({ from: numberOf(request, 'from'), count: numberOf(request, 'objects') }),
  create: (request) =>
    mainDriver().create({
      from: numberOf(request, 'from'),
      count: numberOf(request, 'objects'),
      isFirst: request['isFirst'] === true,
    }),
  exact: () => orCannot(mainDriver().exact()),
  exactTogether: () => orCannot(mainDriver().exactTogether()),
  partial: () => orCannot(mainDriver().partial()),
  range: () => orCannot(mainDriver().range()),
  infix: () => orCannot(mainDriver().infix()),
  tagEach: (request) => orCannot(mainDriver().tagEach({ tags: numberOf(request, 'tags') })),
  countTags: (request) => orCannot(mainDriver().countTags({ tags: numberOf(request, 'tags') })),
  tagWhere: () => orCannot(mainDriver().tagWhere()),
  group: (request) => orCannot(mainDriver().group({ every: numberOf(request, 'every') })),
  /** By so many clients at once, each of which fetches all. */
  fetch(request) {
    const clients = drivers.slice(0, numberOf(request, 'clients'));
    const what = { every: numberOf(request, 'every'), population };
    return orCannot(fetchTogether(clients, what));
  },
});
