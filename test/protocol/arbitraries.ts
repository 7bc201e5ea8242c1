import type { Attribute, MessageName } from '../../src/protocol/index.js';
import { anyMap, anySpace, anyText, anyValue } from '../core/arbitraries.js';
import { fc } from '../fast-check.js';
import type { AnyFrame } from './any-frame.js';
import { anyRegion } from './any-region.js';
import type { AnyMessage } from './decode-any.js';
import type { Payload } from './decode-open.js';

type ArbitraryOf<K extends string, T extends { kind: string }> = fc.Arbitrary<
  Extract<T, { kind: K }>
>;

const u8 = (max: number): fc.Arbitrary<number> => fc.nat(max);
const u16 = fc.nat(0xffff);
const u32 = fc.oneof(fc.nat(9), fc.nat(0xffff_ffff), fc.constant(0xffff_ffff));
const u64 = fc.oneof(fc.nat(9), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
const number = u64.filter((value) => value > 0);

/** Names of objects: any characters but NUL, up to the limit. */
export const anyName: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 8, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 900, maxLength: 1_000 }) },
  )
  .map((text) => text.replaceAll('\0', '0'));

const anyMemberName = fc
  .tuple(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }), fc.nat(0x7fff_ffff))
  .map(([text, index]) => `${text.replace(/[[\]]/gu, '_')}${index % 3 === 0 ? '' : `[${index}]`}`);

const anyAttributes: fc.Arbitrary<readonly Attribute[]> = fc.uniqueArray(
  fc.tuple(
    u16,
    anyValue.filter((value) => value !== null),
  ),
  { selector: ([key]) => key, maxLength: 24 },
);

const slice = fc.record({ slab: u32, offset: u64, size: u64 }, { noNullPrototype: true });

/** A source from 0 to `last`, with a payload that suits it. */
const sourceAndPayload = (last: number): fc.Arbitrary<{ source: number; payload: Payload }> =>
  fc.tuple(fc.nat(last), fc.uint8Array({ maxLength: 64 }), slice).map(([source, bytes, place]) => ({
    source,
    payload: source === 0 ? null : source === 1 ? bytes : place,
  }));

function of<K extends string, T extends object>(
  kind: K,
  fields: { [P in keyof T]: fc.Arbitrary<T[P]> },
): fc.Arbitrary<{ kind: K } & T> {
  return fc.record<T>(fields, { noNullPrototype: true }).map((record) => ({ kind, ...record }));
}

const errorParts = {
  retryable: fc.boolean(),
  code: anyText(),
  message: anyText(60),
  fields: anyMap,
};

const handle = { handle: u32 };

const selecting = {
  selector: fc.oneof(fc.constantFrom('', 'a = 1 and b ~ "x*"'), anyText()),
  after: anyText(),
};
const promise = fc.oneof(
  of('promise', { promise: u32, member: u32, promiseKind: fc.constant(0), pattern: anyName }),
  of('promise', {
    promise: u32,
    member: u32,
    promiseKind: fc.constant(1),
    pattern: fc.constantFrom('', '*', 'run/*/t[0-9]?', '海*\\*'),
  }),
  of('promise', {
    promise: u32,
    member: u32,
    promiseKind: fc.constant(2),
    pattern: fc.constantFrom('', 'a = 1 and b ~ "x*"', 'step in 0..24'),
  }),
);
const explain = fc.oneof(
  of('explain', { what: fc.constant(0), name: anyName }),
  of('explain', { what: fc.constantFrom(1, 2), name: fc.constant('') }),
);
const range = fc.tuple(number, number).map(([one, other]) => ({
  first: Math.min(one, other),
  last: Math.max(one, other),
}));

function anyTransfer<K extends 'writeRegions' | 'readRegions'>(
  kind: K,
): ArbitraryOf<K, AnyMessage> {
  const fields = {
    handle: u32,
    as: anySpace,
    lossy: u8(1),
    regions: fc.array(anyRegion, { maxLength: 4 }),
    payload: fc.oneof(fc.uint8Array({ maxLength: 64 }), slice),
  };
  return of(kind, fields as never) as ArbitraryOf<K, AnyMessage>;
}

const keyName = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });

/** Every message there is: one that is forgotten does not compile. */
export const MESSAGES: { readonly [K in MessageName]: ArbitraryOf<K, AnyMessage> } = {
  key: of('key', { key: u16, name: keyName }),
  join: of('join', { member: u32, name: anyMemberName, info: anyMap }),
  leave: of('leave', { member: u32, deadline: u32 }),
  end: fc.constant({ kind: 'end' }),
  ping: fc.constant({ kind: 'ping' }),
  cancel: of('cancel', { request: u64 }),
  declare: of('declare', {
    handle: u32,
    member: u32,
    name: anyName,
    space: anySpace,
    attributes: anyAttributes,
  }),
  set: of('set', { handle: u32, space: anySpace, attributes: anyAttributes }),
  seal: of('seal', handle),
  offer: fc
    .tuple(
      of('offer', { handle: u32, scope: u8(3), durability: u8(2), lifetime: u32 }),
      sourceAndPayload(2),
      u32,
    )
    .map(([fixed, payload, replaced]) => {
      return { ...fixed, ...(fixed.scope > 1 ? { replaced } : {}), ...payload };
    }),
  offerPart: fc
    .tuple(
      of('offerPart', { handle: u32, scope: u8(1), durability: u8(2), lifetime: u32 }),
      anyRegion,
      fc.oneof(fc.uint8Array({ maxLength: 64 }), slice),
    )
    .map(([fixed, region, payload]) => {
      const source = payload instanceof Uint8Array ? 1 : 2;
      return { ...fixed, source, region, payload };
    }),
  offerGroup: of('offerGroup', {
    ...{ handle: u32, scope: u8(1), durability: u8(2), lifetime: u32 },
    members: fc.array(
      fc
        .tuple(u32, sourceAndPayload(2))
        .map(([member, { payload }]) => ({ handle: member, payload })),
      { maxLength: 4 },
    ),
  }),
  requireMember: of('requireMember', { handle: u32, group: u32 }),
  barrier: of('barrier', {
    ...{ member: u32, deadline: u32, name: anyName },
    members: fc.integer({ min: 1, max: 65_536 }),
  }),
  append: fc
    .tuple(
      of('append', { handle: u32, scope: u8(1), durability: u8(2), lifetime: u32 }),
      fc.oneof(fc.uint8Array({ maxLength: 64 }), slice),
    )
    .map(([fixed, payload]) => {
      return { ...fixed, source: payload instanceof Uint8Array ? 1 : 2, payload };
    }),
  finish: of('finish', handle),
  region: of('region', { handle: u32, region: anyRegion }),
  create: of('create', {
    handle: u32,
    scope: u8(1),
    consistency: u8(3),
    lifetime: u32,
    payload: slice,
  }),
  open: of('open', { handle: u32, deadline: u32 }),
  opened: of('opened', {
    request: number,
    version: u32,
    consistency: u8(3),
    space: anySpace,
    attributes: anyMap,
  }),
  writeRegions: anyTransfer('writeRegions'),
  readRegions: anyTransfer('readRegions'),
  commit: of('commit', { handle: u32, closes: u8(1) }),
  lock: of('lock', {
    handle: u32,
    lock: u32,
    mode: u8(1),
    block: u8(1),
    deadline: u32,
    region: anyRegion,
  }),
  unlock: of('unlock', { handle: u32, lock: u32 }),
  parts: of('parts', {
    request: number,
    parts: fc.array(
      fc.tuple(anyRegion, sourceAndPayload(2)).map(([region, payload]) => ({ region, ...payload })),
      { maxLength: 4 },
    ),
  }),
  withdraw: of('withdraw', { handle: u32, deadline: u32 }),
  require: of('require', { handle: u32, policy: u8(1) }),
  demand: of('demand', { handle: u32, deadline: u32, mode: u8(2), policy: u8(1), want: u8(3) }),
  retract: of('retract', handle),
  dispose: of('dispose', handle),
  delete: of('delete', { name: anyName, member: u32, force: u8(1) }),
  tag: of('tag', {
    name: anyName,
    member: u32,
    attributes: anyAttributes,
    removed: fc.array(u16, { maxLength: 5 }),
  }),
  promise,
  close: of('close', { promise: u32 }),
  subscribe: of('subscribe', {
    subscription: u32,
    member: u32,
    kinds: fc.nat(0x3ffff),
    topics: fc.array(keyName, { maxLength: 3 }),
    flags: u8(63),
    from: u8(4),
    slow: u8(2),
    silence: u8(1),
    seq: u64,
    window: u32,
    deadline: u32,
    name: anyText(),
    selector: selecting.selector,
  }),
  unsubscribe: of('unsubscribe', { subscription: u32, forget: u8(1) }),
  acknowledge: of('acknowledge', { subscription: u32, n: u64, count: u32 }),
  veto: of('veto', { subscription: u32, n: u64, reason: anyText(60) }),
  queue: of('queue', {
    name: keyName,
    selector: selecting.selector,
    by: keyName,
    keep: u32,
    maxAhead: u32,
    forget: u8(1),
  }),
  take: of('take', {
    handle: u32,
    subscription: u32,
    n: u64,
    policy: u8(1),
    region: fc.option(anyRegion),
  }),
  emit: of('emit', { member: u32, topic: keyName, attributes: anyAttributes }),
  event: of('event', {
    subscription: u32,
    n: u64,
    seq: u64,
    eventKind: u8(20),
    flags: u8(7),
    version: u32,
    timeMs: fc.nat(),
    member: anyText(),
    name: anyText(),
    topic: anyText(),
    space: anySpace,
    attributes: anyMap,
    fields: anyMap,
  }),
  unkeep: of('unkeep', { name: anyName, member: u32, deadline: u32 }),
  lease: of('lease', { size: u64, least: u64, handle: u32, deadline: u32 }),
  return: of('return', { slab: u32, offset: u64, size: u64 }),
  adopt: of('adopt', { file: fc.nat().map((id) => `adopt-${id}`), size: u64 }),
  stat: of('stat', { name: anyName }),
  query: of('query', { ...selecting, limit: u32, detail: u8(2) }),
  count: of('count', selecting),
  facets: of('facets', { ...selecting, what: u8(1), key: keyName, limit: u32 }),
  sort: of('sort', {
    ...selecting,
    key: keyName,
    descending: u8(1),
    limit: u32,
    detail: u8(2),
    place: fc.option(fc.record({ value: anyValue, name: anyText() }, { noNullPrototype: true })),
  }),
  tagSelected: of('tagSelected', {
    ...selecting,
    member: u32,
    dry: u8(1),
    attributes: anyAttributes,
    removed: fc.array(u16, { maxLength: 5 }),
  }),
  endSelected: of('endSelected', { ...selecting, member: u32, dry: u8(1), how: u8(2) }),
  gather: of('gather', {
    ...selecting,
    member: u32,
    dry: u8(1),
    removes: u8(1),
    key: anyText(),
    value: anyValue,
  }),
  define: of('define', { definitionKind: u8(2), name: anyName, definition: anyValue }),
  definitions: of('definitions', { definitionKind: u8(2), name: anyText() }),
  lineage: of('lineage', { name: anyName, depth: u32 }),
  members: fc.constant({ kind: 'members' }),
  explain,
  info: fc.constant({ kind: 'info' }),
  stop: of('stop', { force: u8(1), deadline: u32 }),
  ok: fc
    .tuple(range, u8(2), u8(2))
    .map(([numbers, record, bytes]) => ({ kind: 'ok' as const, ...numbers, record, bytes })),
  fail: of('fail', { request: u64, ...errorParts }),
  welcome: of('welcome', { request: u64, member: u32, name: anyText(), granted: anyMap }),
  bye: of('bye', { request: u64, names: fc.array(anyName, { maxLength: 4 }) }),
  deliver: fc
    .tuple(
      of('deliver', { request: u64, version: u32, space: anySpace, attributes: anyMap }),
      fc.oneof(
        sourceAndPayload(3),
        u32.map((parts) => ({ source: 4, payload: null, parts })),
      ),
    )
    .map(([fixed, payload]) => ({ ...fixed, ...payload })),
  grant: of('grant', { request: u64, slab: u32, offset: u64, size: u64 }),
  value: of('value', { request: u64, value: anyValue }),
  reclaim: of('reclaim', { bytes: u64 }),
  notice: of('notice', { code: anyText(), message: anyText(), fields: anyMap }),
  slabGone: of('slabGone', { slab: u32 }),
};

export const anyMessage: fc.Arbitrary<AnyMessage> = fc.oneof(
  ...(Object.values(MESSAGES) as fc.Arbitrary<AnyMessage>[]),
);

const secret = fc.oneof(
  fc.constant(new Uint8Array(0)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
);
const versions = fc
  .tuple(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 1, max: 0xffff }))
  .map(([one, other]) => ({ lowest: Math.min(one, other), highest: Math.max(one, other) }));
const payload = fc.uint8Array({ maxLength: 100 });

export const FRAMES: { readonly [K in AnyFrame['kind']]: ArbitraryOf<K, AnyFrame> } = {
  hello: fc
    .tuple(
      versions,
      of('hello', {
        role: u8(1),
        token: anyText(),
        pool: anyText(),
        session: u64,
        secret,
        received: u64,
        process: anyMap,
      }),
    )
    .map(([both, hello]) => ({ ...both, ...hello })),
  accept: of('accept', {
    version: u16,
    poolId: anyText(),
    poolName: anyText(),
    session: u64,
    secret,
    received: u64,
    resumed: fc.boolean(),
    pool: anyMap,
  }),
  refuse: of('refuse', errorParts),
  messages: of('messages', {
    first: number,
    ack: u64,
    messages: fc.array(anyMessage, { maxLength: 4 }),
  }),
  ack: of('ack', { ack: u64 }),
  write: of('write', { transfer: u32, slab: u32, offset: u64, payload }),
  read: of('read', { transfer: u32, slab: u32, offset: u64, size: u64 }),
  data: of('data', { transfer: u32, offset: u64, payload }),
  done: of('done', { transfer: u32, size: u64 }),
  failed: of('failed', { transfer: u32, code: anyText(), message: anyText() }),
};

export const anyFrame: fc.Arbitrary<AnyFrame> = fc.oneof(
  ...(Object.values(FRAMES) as fc.Arbitrary<AnyFrame>[]),
);
