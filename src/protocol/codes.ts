/** Kinds of frames (spec/protocol.md, section 3). */
export const FRAME = {
  hello: 1,
  accept: 2,
  refuse: 3,
  messages: 4,
  ack: 5,
  write: 6,
  read: 7,
  data: 8,
  done: 9,
  failed: 10,
} as const;

export type FrameName = keyof typeof FRAME;

/** Codes of messages: requests below 0x80 (section 7), answers and notices above (section 8). */
export const MESSAGE = {
  key: 0x01,
  join: 0x02,
  leave: 0x03,
  end: 0x04,
  ping: 0x05,
  cancel: 0x06,
  declare: 0x10,
  set: 0x11,
  seal: 0x12,
  offer: 0x13,
  withdraw: 0x14,
  require: 0x15,
  demand: 0x16,
  retract: 0x17,
  dispose: 0x18,
  delete: 0x19,
  tag: 0x1a,
  promise: 0x1b,
  close: 0x1c,
  unkeep: 0x1d,
  tagSelected: 0x1e,
  endSelected: 0x1f,
  lease: 0x20,
  return: 0x21,
  adopt: 0x22,
  offerPart: 0x23,
  region: 0x24,
  create: 0x25,
  open: 0x26,
  writeRegions: 0x27,
  readRegions: 0x28,
  commit: 0x29,
  lock: 0x2a,
  unlock: 0x2b,
  finish: 0x2c,
  append: 0x2d,
  define: 0x30,
  gather: 0x31,
  offerGroup: 0x32,
  requireMember: 0x33,
  barrier: 0x34,
  stat: 0x40,
  query: 0x41,
  members: 0x42,
  explain: 0x43,
  info: 0x44,
  count: 0x45,
  facets: 0x46,
  sort: 0x47,
  lineage: 0x48,
  definitions: 0x49,
  stop: 0x50,
  subscribe: 0x60,
  unsubscribe: 0x61,
  acknowledge: 0x62,
  veto: 0x63,
  emit: 0x64,
  take: 0x65,
  queue: 0x66,
  ok: 0x80,
  fail: 0x81,
  welcome: 0x82,
  bye: 0x83,
  deliver: 0x84,
  grant: 0x85,
  value: 0x86,
  parts: 0x87,
  opened: 0x88,
  reclaim: 0x91,
  notice: 0x92,
  slabGone: 0x93,
  event: 0x94,
} as const;

export type MessageName = keyof typeof MESSAGE;

const MESSAGE_NAMES: ReadonlyMap<number, MessageName> = new Map(
  (Object.keys(MESSAGE) as MessageName[]).map((name) => [MESSAGE[name], name]),
);

/** The name of a message code, or null when it is not known. */
export function messageName(code: number): MessageName | null {
  return MESSAGE_NAMES.get(code) ?? null;
}

/** What a connection is for: HELLO's role. */
export const ROLE = { control: 0, data: 1 } as const;

/** How long an offer lives: until its member leaves, or until someone withdraws it. */
export const SCOPE = { member: 0, pool: 1 } as const;

/** What a record or bytes survive: nothing, kill -9 of any process, a power cut. */
export const DURABILITY = { process: 0, memory: 1, fsync: 2 } as const;
/** Their names, by code. */
export const DURABILITIES = ['process', 'memory', 'fsync'] as const;

/** Where the payload of OFFER and DELIVER is; `given` and `parts` only in DELIVER. */
export const SOURCE = { nothing: 0, inline: 1, slice: 2, given: 3, parts: 4 } as const;

/** What a require does when nobody will offer. */
export const POLICY = { fail: 0, wait: 1 } as const;

export const MODE = { view: 0, own: 1, peek: 2 } as const;

/** Bits of DEMAND's `want`. */
export const WANT = { attributes: 1, dispose: 2, ready: 4 } as const;

export const PROMISE_KIND = { name: 0, glob: 1, selector: 2 } as const;

export const EXPLAIN = { name: 0, waits: 1, rings: 2, selector: 3 } as const;

/** What a page tells of each object: its name, what STAT does, or name and attributes with tags. */
export const DETAIL = { name: 0, stat: 1, found: 2 } as const;

/** What FACETS tells of a key: its values and how often each is there, or ranges of them. */
export const FACETS = { values: 0, histogram: 1 } as const;

/** What END_SELECTED does with each object that is selected. */
export const END = { unkeep: 0, delete: 1, deleteForced: 2 } as const;

/** What DEFINE defines. */
export const DEFINITION = { schema: 0, container: 1, collection: 2 } as const;

/** When what is written to an open object is visible to other members. */
export const CONSISTENCY = { posix: 0, commit: 1, session: 2, eventual: 3 } as const;
/** Their names, by code. */
export const CONSISTENCIES = ['posix', 'commit', 'session', 'eventual'] as const;

export const LOCK_MODE = { read: 0, write: 1 } as const;

/** What an event is about: an operation, or what members say to one another. */
export const EVENT = {
  declare: 0,
  seal: 1,
  offer: 2,
  require: 3,
  demand: 4,
  withdraw: 5,
  retract: 6,
  dispose: 7,
  delete: 8,
  tag: 9,
  promise: 10,
  close: 11,
  join: 12,
  leave: 13,
  crash: 14,
  lost: 15,
  moved: 16,
  emit: 17,
  /** An object is offered, and so is all that it depends on. */
  ready: 18,
  /** Of a subscription itself: events that are not to be had any more. */
  gap: 19,
  /** The last one of a subscription. */
  end: 20,
  /** What an event was about, which was held, did not come about. */
  cancelled: 21,
} as const;

export type EventName = keyof typeof EVENT;

/** Their names, by code. */
export const EVENT_NAMES = Object.keys(EVENT) as readonly EventName[];

/** Bits of SUBSCRIBE's flags. */
export const SUBSCRIBE = {
  /** Told before the operation takes effect. */
  before: 0x1,
  /** Each is acknowledged by the member; with `before` the operation waits for that. */
  acknowledge: 0x2,
  /** What the member itself does, too. */
  own: 0x4,
  /** Ends by itself when all has come that was promised. */
  untilComplete: 0x8,
  /** What matches is required, before its provider can withdraw it: a standing require. */
  requires: 0x10,
  /** Of those the newest step that is whole: `topics` names the queue. */
  latest: 0x20,
  /** Nothing is subscribed: the durable one of that name ends, whatever it asks for. */
  forget: 0x40,
  /** Ends for this member when all has come that was there when it subscribed. */
  untilNow: 0x80,
} as const;

/** Where a subscription begins. */
export const FROM = { now: 0, start: 1, seq: 2, snapshot: 3, last: 4 } as const;

/** What becomes of a subscriber that is slower than the pool can keep for it. */
export const SLOW = { drop: 0, block: 1, disconnect: 2 } as const;

/** What becomes of an operation whose subscribers are silent until the deadline. */
export const SILENCE = { allow: 0, deny: 1 } as const;

/** Bits of EVENT's flags. */
export const EVENT_FLAG = {
  before: 0x1,
  /** It was delivered before, and not acknowledged. */
  again: 0x2,
  /** What was there when the subscription began, and no event of its own. */
  snapshot: 0x4,
  /** A step queue has done it, whose name stands in the place of the member's. */
  queue: 0x8,
} as const;

/** With the scope of an OFFER: it comes in the place of what the pool keeps of that name. */
export const OFFER_REPLACES = 2;

/** LEASE without a handle. */
export const HANDLE_NONE = 0xffff_ffff;

/** A change that no member asks for, but a program that looks. */
export const MEMBER_NONE = 0xffff_ffff;
