import { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { spaceAt } from '../core/space.js';
import { decodeUtf8 } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import { readValue } from '../core/value-codec.js';
import type { Decoder } from '../pool/decoder.js';
import {
  type AttributeIndex,
  attributesOf,
  END,
  EXPLAIN,
  HANDLE_NONE,
  MEMBER_NONE,
  MESSAGE,
  messageName,
  PROMISE_KIND,
  readAdopt,
  readBarrier,
  readCancel,
  readClose,
  readCount,
  readDeclare,
  readDefine,
  readDefinitions,
  readDelete,
  readDemand,
  readEndSelected,
  readExplain,
  readFacets,
  readGather,
  readHandle,
  readJoin,
  readKey,
  readLease,
  readLeave,
  readLineage,
  readOffer,
  readPromise,
  readQuery,
  readRequire,
  readReturn,
  readSet,
  readSort,
  readStat,
  readStop,
  readTag,
  readTagSelected,
  readTake,
  readUnkeep,
  readWithdraw,
  SCOPE,
  WANT,
} from '../protocol/index.js';
import { tellEvents } from './told-events.js';
import type { ToldNames } from './told-names.js';
import { tellOfRegions } from './told-open.js';

/** A request in words. */
export interface RequestTold {
  /** `declare`, `offer`, ...; `message 153` for one that is not known. */
  readonly what: string;
  /** Name of the object, or ''. */
  readonly object: string;
  /** Name of the member, or '' when it is the session's. */
  readonly member: string;
  readonly fields: ValueMap;
}

interface Parts {
  readonly object?: string;
  readonly member?: string;
  readonly fields?: ValueMap;
}

const SOURCES = ['nothing', 'message', 'slab', 'given'] as const;
/** A deadline of a message: what means the pool's own, and what means never. */
const DEADLINE_DEFAULT = 0;
const DEADLINE_NEVER = 0xffff_ffff;

/**
 * Says what a request asks for; `r` stands on its body. What cannot be read has no fields: its
 * answer says why.
 */
export function tellRequest(
  r: Reader,
  code: number,
  names: ToldNames,
  message: Decoder,
): RequestTold {
  const what = messageName(code) ?? `message ${code}`;
  try {
    const { object = '', member = '', fields = {} } = partsOf(r, code, names, message);
    return { what, object, member, fields };
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    return { what, object: '', member: '', fields: {} };
  }
}

function partsOf(r: Reader, code: number, names: ToldNames, message: Decoder): Parts {
  switch (code) {
    case MESSAGE.declare: {
      const { declare } = message;
      readDeclare(r, declare);
      const object = decodeUtf8(r.bytes, declare.nameStart, declare.nameEnd);
      const member = names.member(declare.member);
      names.declare(declare.handle, { object, member });
      return { object, member, fields: described(r, declare, names) };
    }
    case MESSAGE.set: {
      readSet(r, message.set);
      return { ...ofHandle(names, message.set.handle), fields: described(r, message.set, names) };
    }
    case MESSAGE.offer: {
      readOffer(r, message.offer);
      const { handle, scope, replaces, source, size, slab, offset, lifetime } = message.offer;
      const where = SOURCES[source] ?? '';
      const fields = {
        bytes: size,
        source: where,
        ...(where === 'slab' ? { slab, offset } : {}),
        ...(replaces === 1 ? { replaces: message.offer.replaced || true } : {}),
        scope: scope === SCOPE.pool ? 'pool' : 'member',
        ...(lifetime === 0 ? {} : { lifetimeMs: lifetime }),
      };
      return { ...ofHandle(names, handle), fields };
    }
    case MESSAGE.require:
      readRequire(r, message.require);
      return ofHandle(names, message.require.handle);
    case MESSAGE.take: {
      readTake(r, message.take);
      const { handle, subscription, n } = message.take;
      const named = names.taken(subscription, n);
      if (named !== null) names.declare(handle, named);
      return { ...named, fields: { subscription, n } };
    }
    case MESSAGE.demand: {
      readDemand(r, message.demand);
      const { handle, deadline, want } = message.demand;
      const parts = { ...ofHandle(names, handle), fields: deadlineOf(deadline) };
      if ((want & WANT.dispose) !== 0) names.dispose(handle);
      return parts;
    }
    case MESSAGE.withdraw:
      readWithdraw(r, message.withdraw);
      return ofHandle(names, message.withdraw.handle);
    case MESSAGE.seal:
    case MESSAGE.retract:
      return ofHandle(names, readHandle(r));
    case MESSAGE.dispose: {
      const handle = readHandle(r);
      const parts = ofHandle(names, handle);
      names.dispose(handle);
      return parts;
    }
    default: {
      const told = tellOfRegions(r, code, message);
      if (told === null) return partsOfMember(r, code, names, message);
      const { handle, fields, closes } = told;
      const parts = { ...ofHandle(names, handle), fields };
      if (closes) names.dispose(handle);
      return parts;
    }
  }
}

function partsOfMember(r: Reader, code: number, names: ToldNames, message: Decoder): Parts {
  switch (code) {
    case MESSAGE.key: {
      readKey(r, message.key);
      const key = textAt(r, message.key.nameStart, message.key.nameEnd);
      names.defineKey(message.key.key, key);
      return { fields: { key } };
    }
    case MESSAGE.join: {
      const { member, name } = readJoin(r);
      names.join(member, name);
      return { member: name };
    }
    case MESSAGE.barrier: {
      readBarrier(r, message.barrier);
      const { member, members, deadline, nameStart, nameEnd } = message.barrier;
      const object = textAt(r, nameStart, nameEnd);
      return { object, member: names.member(member), fields: { members, ...deadlineOf(deadline) } };
    }
    case MESSAGE.leave:
      readLeave(r, message.leave);
      return { member: names.member(message.leave.member) };
    case MESSAGE.cancel:
      return { fields: { cancels: readCancel(r) } };
    case MESSAGE.promise: {
      readPromise(r, message.promise);
      const { member, kind, patternStart, patternEnd, promise } = message.promise;
      const pattern = textAt(r, patternStart, patternEnd);
      const object = kind === PROMISE_KIND.name ? pattern : '';
      const glob = kind === PROMISE_KIND.glob;
      const fields = { promise, pattern, ...(kind === PROMISE_KIND.selector ? {} : { glob }) };
      return { object, member: names.member(member), fields };
    }
    case MESSAGE.close:
      return { fields: { promise: readClose(r) } };
    case MESSAGE.subscribe:
    case MESSAGE.unsubscribe:
    case MESSAGE.acknowledge:
    case MESSAGE.veto:
    case MESSAGE.queue:
    case MESSAGE.emit: {
      const told = tellEvents(r, code, message);
      if (told === null) return {};
      const { member, fields } = told;
      return member === null ? { fields } : { member: names.member(member), fields };
    }
    case MESSAGE.lease: {
      readLease(r, message.lease);
      const { size, handle, deadline } = message.lease;
      const parts = handle === HANDLE_NONE ? {} : ofHandle(names, handle);
      return { ...parts, fields: { bytes: size, ...deadlineOf(deadline) } };
    }
    case MESSAGE.return: {
      readReturn(r, message.return);
      const { slab, offset, size } = message.return;
      return { fields: { bytes: size, slab, offset } };
    }
    case MESSAGE.adopt: {
      const { file, size } = readAdopt(r);
      return { fields: { bytes: size, file } };
    }
    case MESSAGE.stop:
      readStop(r, message.stop);
      return { fields: { force: message.stop.force === 1 } };
    default:
      return partsOfName(r, code, names, message);
  }
}

/** Requests that name an object, or look. */
function partsOfName(r: Reader, code: number, names: ToldNames, message: Decoder): Parts {
  switch (code) {
    case MESSAGE.delete: {
      readDelete(r, message.delete);
      const { nameStart, nameEnd, member, force } = message.delete;
      const object = textAt(r, nameStart, nameEnd);
      return { object, member: askerIn(names, member), fields: { force: force === 1 } };
    }
    case MESSAGE.tag: {
      readTag(r, message.tag);
      const { nameStart, nameEnd, member, attributes, removed, removedCount } = message.tag;
      const fields = {
        tags: attributesIn(r, attributes, names),
        removed: [...removed.subarray(0, removedCount)].map((key) => names.key(key)),
      };
      const object = textAt(r, nameStart, nameEnd);
      return { object, member: askerIn(names, member), fields };
    }
    case MESSAGE.unkeep: {
      readUnkeep(r, message.unkeep);
      const { nameStart, nameEnd, member } = message.unkeep;
      return { object: textAt(r, nameStart, nameEnd), member: askerIn(names, member) };
    }
    case MESSAGE.stat:
      readStat(r, message.stat);
      return { object: textAt(r, message.stat.nameStart, message.stat.nameEnd) };
    case MESSAGE.explain: {
      readExplain(r, message.explain);
      const { what, nameStart, nameEnd } = message.explain;
      const text = textAt(r, nameStart, nameEnd);
      if (what === EXPLAIN.name) return { object: text };
      return what === EXPLAIN.selector ? { fields: { selector: text } } : {};
    }
    default:
      return partsOfSelector(r, code, names, message);
  }
}

/** Requests with a selector. */
function partsOfSelector(r: Reader, code: number, names: ToldNames, message: Decoder): Parts {
  switch (code) {
    case MESSAGE.query:
      readQuery(r, message.query);
      return { fields: selectorOf(r, message.query) };
    case MESSAGE.sort: {
      readSort(r, message.sort);
      const { keyStart, keyEnd } = message.sort;
      return { fields: { ...selectorOf(r, message.sort), by: textAt(r, keyStart, keyEnd) } };
    }
    case MESSAGE.count:
      readCount(r, message.count);
      return { fields: selectorOf(r, message.count) };
    case MESSAGE.facets: {
      readFacets(r, message.facets);
      const { keyStart, keyEnd } = message.facets;
      return { fields: { ...selectorOf(r, message.facets), of: textAt(r, keyStart, keyEnd) } };
    }
    case MESSAGE.tagSelected: {
      readTagSelected(r, message.tagSelected);
      const { attributes, removed, removedCount, dry } = message.tagSelected;
      const fields = {
        ...selectorOf(r, message.tagSelected),
        dry: dry === 1,
        tags: attributesIn(r, attributes, names),
        removed: [...removed.subarray(0, removedCount)].map((key) => names.key(key)),
      };
      return { member: askerIn(names, message.tagSelected.member), fields };
    }
    case MESSAGE.gather: {
      readGather(r, message.gather);
      const { keyStart, keyEnd, valueStart, valueEnd, dry, removes } = message.gather;
      const fields = {
        ...selectorOf(r, message.gather),
        of: textAt(r, keyStart, keyEnd),
        value: readValue(new Reader(r.bytes.subarray(valueStart, valueEnd))),
        dry: dry === 1,
        removes: removes === 1,
      };
      return { member: askerIn(names, message.gather.member), fields };
    }
    case MESSAGE.define: {
      const { kind, name, definition } = readDefine(r);
      return { fields: { define: DEFINED[kind] ?? '', name, definition } };
    }
    case MESSAGE.definitions: {
      const { kind, name } = readDefinitions(r);
      return { fields: { define: DEFINED[kind] ?? '', name } };
    }
    case MESSAGE.lineage:
      readLineage(r, message.lineage);
      return { object: textAt(r, message.lineage.nameStart, message.lineage.nameEnd) };
    case MESSAGE.endSelected: {
      readEndSelected(r, message.endSelected);
      const { dry, how, member } = message.endSelected;
      const fields = { dry: dry === 1, how: ENDS[how] ?? '', force: how === END.deleteForced };
      const all = { ...selectorOf(r, message.endSelected), ...fields };
      return { member: askerIn(names, member), fields: all };
    }
    default:
      return {};
  }
}

/** Who asks for a change; '' for a program that is no member. */
function askerIn(names: ToldNames, member: number): string {
  return member === MEMBER_NONE ? '' : names.member(member);
}

/** What DEFINE defines, by code. */
const DEFINED = ['schema', 'container', 'collection'] as const;
/** What END_SELECTED does, by code. */
const ENDS = ['withdraw', 'delete', 'delete'] as const;

function selectorOf(
  r: Reader,
  message: { readonly selectorStart: number; readonly selectorEnd: number },
): ValueMap {
  return { selector: textAt(r, message.selectorStart, message.selectorEnd) };
}

function textAt(r: Reader, start: number, end: number): string {
  return decodeUtf8(r.bytes, start, end);
}

function ofHandle(names: ToldNames, handle: number): Parts {
  return names.handle(handle) ?? { fields: { handle } };
}

function deadlineOf(deadline: number): ValueMap {
  if (deadline === DEADLINE_DEFAULT) return {};
  return { deadlineMs: deadline === DEADLINE_NEVER ? null : deadline };
}

/** Space and attributes that a handle says. */
function described(
  r: Reader,
  message: { readonly spaceStart: number; readonly attributes: AttributeIndex },
  names: ToldNames,
): ValueMap {
  const { dtype, shape } = spaceAt(r.bytes, message.spaceStart);
  return {
    dtype: dtype ?? null,
    shape: shape === undefined ? null : [...shape],
    attributes: attributesIn(r, message.attributes, names),
  };
}

function attributesIn(r: Reader, index: AttributeIndex, names: ToldNames): ValueMap {
  const map: { [key: string]: Value } = Object.create(null);
  for (const [key, value] of attributesOf(r, index)) map[names.key(key)] = value;
  return map;
}
