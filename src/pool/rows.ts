/**
 * The layout of the pool's tables: which field of a row means what. A row named 0 is "none".
 *
 * ```
 * object --current--> version (offered)          handle --object--> object
 *        --old------> version -> version (withdrawn, still owed)
 *        --handles--> handle <-> handle ...      handle --version--> what it offers or requires
 * ```
 */

/** An object: a name and what hangs on it. Forgotten when nothing does. */
export const OBJECT = {
  name: 0,
  hash: 1,
  /** The offered version. */
  current: 2,
  /** Withdrawn versions that are still owed to somebody. */
  old: 3,
  /** Number of the latest version that was begun. */
  number: 4,
  handles: 5,
  tags: 6,
  /** Open requires that wait for the next version. */
  unbound: 7,
  /** The list of objects that have such requires. */
  unboundNext: 8,
  unboundPrevious: 9,
  /** The last member whose handle went without a require on it: for `explain`. */
  declarer: 10,
  /** Which pairs of bytes its name may hold: a signature, two words. */
  pairsLow: 11,
  pairsHigh: 12,
  width: 13,
} as const;

/** A member's handle on an object. */
export const HANDLE = {
  /** One of HANDLE_STATE, with HANDLE_FLAG bits above. */
  state: 0,
  object: 1,
  member: 2,
  /** The version it offers, or the one its require is bound to; 0: the next. */
  version: 3,
  space: 4,
  attributes: 5,
  next: 6,
  previous: 7,
  memberNext: 8,
  memberPrevious: 9,
  /** The demand that waits on it. */
  wait: 10,
  /** Its number in the session. */
  number: 11,
  /** What of the object it requires: a row of WANTED; 0: all of it. */
  wanted: 12,
  width: 13,
} as const;

/**
 * ```
 * declared -> sealed -> offered -> withdrawn
 *                   |-> required -> demanded | retracted | failed
 *                   \-> opening -> opened
 * ```
 *
 * The order says who may provide: those up to withdrawn.
 */
export const HANDLE_STATE = {
  declared: 1,
  sealed: 2,
  offered: 3,
  withdrawn: 4,
  required: 5,
  demanded: 6,
  retracted: 7,
  failed: 8,
  /** It waits for the object to be created. */
  opening: 9,
  opened: 10,
} as const;

export const HANDLE_STATE_MASK = 0xff;
export const HANDLE_FLAG = {
  /** A reader's lease on the version's slice is held. */
  leased: 0x100,
  /** REQUIRE was asked for by itself: it outlives a demand that timed out. */
  explicit: 0x200,
  /** Stays open when every promise is closed. */
  patient: 0x400,
  /** Dispose with the answer of the demand. */
  disposeAfter: 0x800,
  wantAttributes: 0x1000,
  own: 0x2000,
  peek: 0x4000,
  /** The demand waits until the version is ready. */
  ready: 0x8000,
} as const;

/** A version of an object: what was offered. */
export const VERSION = {
  object: 0,
  number: 1,
  /** VERSION_FLAG bits. */
  flags: 2,
  space: 3,
  attributes: 4,
  /** Open requires that are bound to it. */
  requires: 5,
  /** Readers' leases on its bytes. */
  leases: 6,
  next: 7,
  previous: 8,
  /** Where the bytes are: an arena record or a block of a slab. */
  bytes: 9,
  size: 10,
  /** The handle that offers it; 0 once that is gone. */
  provider: 12,
  providerMember: 13,
  /** The timer that withdraws it. */
  lifetime: 14,
  /** When it was offered, by the clock on the wall: ms of 1970, two fields. */
  offeredAt: 15,
  /** The stay of the member that offered it. */
  activity: 17,
  /** What is remembered of it: the reference of an entity; 0 for nothing. */
  entity: 18,
  /** Its parts: a row of PARTITION; 0: it is offered whole. */
  partition: 19,
  /** Transfers of an open version, held and under way: its bytes stay until they are done. */
  moving: 20,
  /** The event of its offer, two fields. */
  seq: 21,
  /** Groups that have it, and are offered or owed to somebody: its bytes stay for them. */
  groups: 23,
  /** Standing requires that have it yet to give, or whose members have it. */
  pins: 24,
  width: 25,
} as const;

export const VERSION_FLAG = {
  offered: 0x1,
  scopePool: 0x2,
  inline: 0x4,
  slice: 0x8,
  /** It has, or had, an entity. */
  noted: 0x10,
  /** Members write to it: it is not sealed yet, and no require is bound to it. */
  open: 0x20,
  /** It is a group: its members are `PoolState.groups`. */
  group: 0x40,
  /** Deleted by force, or lost with its memory, while a standing require kept it. */
  deleted: 0x800,
  lost: 0x80,
  /** It is offered, and so is all that it depends on: looked at, where somebody asks. */
  ready: 0x400,
  /** It has statistics, or will have. */
  measured: 0x100,
  /** Its bytes are in the store, too. */
  stored: 0x200,
} as const;

/** A version that is offered in parts. */
export const PARTITION = {
  version: 0,
  /** Its parts in the order of their offers: first and last. */
  first: 1,
  last: 2,
  count: 3,
  /** Parts whose offer goes on. */
  active: 4,
  /** Elements that no part has, two fields. */
  missing: 5,
  /** 1 when a provider has withdrawn: later requires bind to the next version. */
  closing: 7,
  /** Runs of the regions of all parts. */
  runs: 8,
  /** Statistics of the parts that are measured, put together: an arena record. */
  statistics: 9,
  /** Parts that are still to be measured. */
  unmeasured: 10,
  /** 1 while rows may be appended: the first dimension of its space is not known yet. */
  growing: 11,
  /** Rows that were appended, two fields. */
  rows: 12,
  /** Parts that are withdrawn and have their bytes still. */
  held: 14,
  /** 1 when a part could not be measured: so the whole never will be. */
  failed: 15,
  /** One of SAFETY. */
  safety: 16,
  width: 17,
} as const;

/** Whether the parts of a version outlive the host: all or none, as one that is lost ends all. */
export const SAFETY = {
  /** Nobody has asked for it; those that are there do. */
  open: 0,
  /** Somebody was told so: parts in slabs go to the store, whatever is asked for them. */
  safe: 1,
  /** Bytes of one are in memory alone. */
  unsafe: 2,
} as const;

/** A region of a version that somebody offered. */
export const PART = {
  next: 0,
  /** The encoded region: an arena record. */
  region: 1,
  /** PART_FLAG bits. */
  flags: 2,
  /** Where the bytes are: an arena record or a block of a slab. */
  bytes: 3,
  size: 4,
  /** The handle that offers it; 0 once that is gone, or has withdrawn it. */
  provider: 6,
  providerMember: 7,
  /** By which number the store has its bytes, two fields; 0: it has not. */
  stored: 8,
  width: 10,
} as const;

export const PART_FLAG = { offered: 0x1, inline: 0x2, slice: 0x4 } as const;

/** A slice that is to be measured, or was; its block names it. */
export const MEASURE = {
  block: 0,
  /** One of MEASURE_STATE. */
  state: 1,
  /** Of the payload, two fields. */
  size: 2,
  /** What was measured: an arena record. */
  record: 4,
  /** The number by which the agent answers. */
  ask: 5,
  /** Neighbours among those that wait for their turn. */
  next: 6,
  previous: 7,
  width: 8,
} as const;

export const MEASURE_STATE = { waiting: 1, asked: 2, known: 3, failed: 4 } as const;

/** A region that a handle requires. */
export const WANTED = {
  /** As it was encoded: an arena record. */
  region: 0,
  /** Elements of it that no part of the bound version has, two fields. */
  missing: 1,
  width: 3,
} as const;

/** Something that ends by itself, by a cause or at its deadline. */
export const WAIT = {
  kind: 0,
  session: 1,
  /** Number of the request, two fields. */
  request: 2,
  /** What it waits on: a handle, a version, a promise; a size for a lease. */
  subject: 4,
  /** Pool time in ms, two fields each. */
  deadline: 5,
  since: 7,
  /** Its place in the heap of deadlines; 0: it never passes. */
  heap: 9,
  next: 10,
  previous: 11,
  /** When it was asked for, among all that has waited; two fields. */
  order: 12,
  width: 14,
} as const;

export const WAIT_KIND = {
  demand: 1,
  lease: 2,
  lifetime: 3,
  grace: 4,
  /** Of an object that is to be opened, and is not created yet: the subject is the handle. */
  open: 5,
  /** Of a lock of a region: the subject is the handle. */
  lock: 6,
  /** Of a subscription that is behind: the subject is its id. */
  events: 7,
  /** Of an operation that is held. */
  hold: 8,
  /** Of a member at a barrier: the subject is the barrier's id. */
  barrier: 9,
} as const;
