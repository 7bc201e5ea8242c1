import { checkKeys, type KnownKeys, keysOf } from '../core/known-keys.js';
import type { SpaceExpectation } from '../core/space.js';
import type { FollowOptions } from './appending.js';
import type { OfferManyOptions } from './batch-offer.js';
import type { CubeOptions } from './cubes/definition.js';
import type { CubeDemandOptions } from './cubes/demanding.js';
import type { CollectionOptions, ContainerOptions } from './defining.js';
import type { DeriveOptions } from './deriving.js';
import type { SubscribeOptions } from './events/options.js';
import type { RequireAllOptions } from './events/required-all.js';
import type { StepQueueOptions } from './events/step-queue.js';
import type { FacetOptions } from './faceting.js';
import type { ConnectOptions, JoinOptions } from './join.js';
import type { LineageOptions } from './lineage.js';
import type { CreateOptions, GatheringOptions } from './open/opening.js';
import type {
  ObjectOptions,
  OfferOptions,
  RequireOptions,
  WaitOptions,
  WholeOfferOptions,
} from './options.js';
import type { BarrierOptions } from './rendezvous.js';
import type { ChangeOptions, QueryOptions } from './selecting.js';
import type { DemandOptions, Shaping } from './shaping.js';

const WAIT = { timeoutMs: true, signal: true } as const;
const OBJECT = { attributes: true, space: true } as const;
const OFFER = { keep: true, lifetimeMs: true, durability: true } as const;
const WHOLE = { ...OFFER, replace: true } as const;
const GATHERING = { gatherBytes: true, sieveBytes: true } as const;
const CREATE = { ...OBJECT, ...GATHERING, consistency: true, fill: true, keep: true } as const;
const CHANGE = { ...WAIT, dryRun: true, progress: true } as const;
const ADDRESS = { address: true, poolId: true, transport: true } as const;
const CONNECT = { ...ADDRESS, reconnectMs: true, connectMs: true } as const;
const SHAPING = { region: true, order: true, dtype: true, lossy: true, transforms: true } as const;
const DERIVE = { ...WAIT, ...SHAPING, unpack: true, whenNobody: true, ready: true } as const;
const DEMAND = { ...DERIVE, byteOrder: true, into: true } as const;
const CUBE = { names: true, labels: true, dims: true, coords: true, misfits: true } as const;
const HOLES = { order: true, dtype: true, lossy: true, into: true, holes: true } as const;
const UNPACKING = { unpack: true, transforms: true } as const;

const SPACE = keysOf<SpaceExpectation>({
  ...{ dtype: true, shape: true, order: true, byteOrder: true },
});

interface Forced {
  readonly force?: boolean | undefined;
}

/** What each public call takes; with the types, so that none is forgotten. */
const KNOWN = {
  wait: keysOf<WaitOptions>(WAIT),
  connect: keysOf<ConnectOptions>(CONNECT),
  join: keysOf<JoinOptions>({ ...WAIT, ...CONNECT, member: true, info: true }),
  member: keysOf<WaitOptions & Pick<JoinOptions, 'info'>>({ ...WAIT, info: true }),
  object: keysOf<ObjectOptions>(OBJECT),
  create: keysOf<CreateOptions & WaitOptions>({ ...WAIT, ...CREATE, lifetimeMs: true }),
  open: keysOf<ObjectOptions & GatheringOptions & WaitOptions>({
    ...{ ...WAIT, ...OBJECT, ...GATHERING },
  }),
  put: keysOf<ObjectOptions & WholeOfferOptions>({
    ...{ ...WAIT, ...OBJECT, ...WHOLE, encoding: true },
  }),
  offer: keysOf<WholeOfferOptions>({
    ...{ ...WAIT, ...WHOLE, encoding: true },
  }),
  handOver: keysOf<WaitOptions & Pick<OfferOptions, 'durability'>>({ ...WAIT, durability: true }),
  append: keysOf<OfferOptions & WaitOptions>({ ...WAIT, ...OFFER }),
  follow: keysOf<FollowOptions>({ ...WAIT, whenNobody: true, ready: true, rows: true }),
  offerMany: keysOf<OfferManyOptions>({ ...WAIT, ...WHOLE, space: true, onFailure: true }),
  group: keysOf<Pick<ObjectOptions, 'attributes'>>({ attributes: true }),
  groupOffer: keysOf<OfferOptions & WaitOptions>({ ...WAIT, ...OFFER }),
  groupRequire: keysOf<RequireOptions>({ whenNobody: true, ready: true }),
  groupDemand: keysOf<WaitOptions & RequireOptions>({ ...WAIT, whenNobody: true, ready: true }),
  require: keysOf<RequireOptions & Pick<Shaping, 'region'>>({
    whenNobody: true,
    ready: true,
    region: true,
  }),
  requireMany: keysOf<ObjectOptions & RequireOptions>({ ...OBJECT, whenNobody: true, ready: true }),
  demandMany: keysOf<ObjectOptions & RequireOptions & WaitOptions>({
    ...{ ...WAIT, ...OBJECT, whenNobody: true, ready: true },
  }),
  demand: keysOf<DemandOptions & { own?: boolean }>({ ...DEMAND, own: true }),
  derive: keysOf<DeriveOptions>(DERIVE),
  subscribe: keysOf<SubscribeOptions>({
    ...{ kinds: true, select: true, when: true, acknowledge: true, own: true, from: true },
    ...{ until: true, name: true, slow: true, silence: true, answerMs: true, window: true },
  }),
  requireAll: keysOf<RequireAllOptions>({
    ...{ ...DERIVE, byteOrder: true, own: true, ownOffers: true, onFailure: true },
    ...{ ahead: true, until: true, group: true, from: true, acknowledge: true },
    ...{ queue: true, latest: true, onMissed: true },
  }),
  stepQueue: keysOf<StepQueueOptions>({ select: true, by: true, keep: true, maxAhead: true }),
  peek: keysOf<WaitOptions & RequireOptions>({ ...WAIT, whenNobody: true, ready: true }),
  cube: keysOf<CubeOptions & WaitOptions & { replace?: boolean }>({
    ...{ ...WAIT, ...CUBE, duplicates: true, documentation: true, replace: true },
  }),
  cubeDemand: keysOf<CubeDemandOptions>({
    ...{ ...WAIT, ...HOLES, ...UNPACKING, whenNobody: true, ready: true, fill: true },
  }),
  barrier: keysOf<BarrierOptions>({ ...WAIT, members: true }),
  list: keysOf<WaitOptions & { detail?: boolean }>({ ...WAIT, detail: true }),
  query: keysOf<QueryOptions>({ ...WAIT, detail: true, sort: true, limit: true }),
  facets: keysOf<FacetOptions>({ ...WAIT, selector: true, limit: true }),
  change: keysOf<ChangeOptions>(CHANGE),
  changeForced: keysOf<ChangeOptions & Forced>({ ...CHANGE, force: true }),
  forced: keysOf<WaitOptions & Forced>({ ...WAIT, force: true }),
  lineage: keysOf<LineageOptions>({ ...WAIT, depth: true }),
  container: keysOf<ContainerOptions>({
    ...{ attributes: true, schemas: true, lifetimeMs: true, tags: true, documentation: true },
  }),
  collection: keysOf<CollectionOptions>({ selector: true, tags: true, documentation: true }),
} as const satisfies { readonly [call: string]: KnownKeys };

/**
 * Throws a TypeError for options that a call does not take. Once a call: what is said of each
 * object of a batch is not looked at.
 */
export function checkOptions(call: keyof typeof KNOWN, action: string, options: unknown): void {
  checkKeys(action, options, KNOWN[call]);
  if (!isObject(options)) return;
  const { space } = options;
  if (isObject(space)) checkKeys(action, space, SPACE, 'its space');
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
