import {
  type RegionSelection,
  selectOpen,
  selectRegion,
} from '../../src/core/regions/selection.js';
import type { SpaceExpectation } from '../../src/core/space.js';
import type { Value, ValueMap } from '../../src/core/value.js';
import * as protocol from '../../src/protocol/index.js';
import { writePing } from '../protocol/other-side.js';
import { bytesOf, type Call, type Slice } from './call.js';
import type { Client } from './harness.js';
import { type SubscribeOptions, Subscriber } from './subscriber.js';

const { MODE, POLICY, PROMISE_KIND, SCOPE, WANT } = protocol;

export type Payload = null | string | Uint8Array | Slice;

/** A shape, and a selection of it. */
export type Part = readonly [shape: readonly number[], selection: RegionSelection];

/** What a handle says: a space, and attributes by name. */
export interface Said {
  readonly space?: SpaceExpectation;
  readonly attributes?: ValueMap;
}

export interface OfferOptions {
  readonly keep?: boolean;
  readonly replace?: boolean | number;
  readonly lifetime?: number;
  readonly durability?: number;
}

export interface DemandOptions {
  readonly deadline?: number;
  readonly mode?: keyof typeof MODE;
  readonly wait?: boolean;
  readonly want?: boolean;
  readonly dispose?: boolean;
  readonly ready?: boolean;
}

/** A member of a client, with every request that it can make. */
export class Member {
  readonly client: Client;
  readonly number: number;
  readonly name: string;
  readonly joined: Call;

  constructor(client: Client, number: number, name: string, info: ValueMap) {
    this.client = client;
    this.number = number;
    this.name = name;
    this.joined = client.call((w) => protocol.writeJoin(w, number, name, info));
  }

  barrier(name: string, members: number, deadline = 0): Call {
    const fields = { member: this.number, deadline, members, name };
    return this.client.call((w) => protocol.writeBarrier(w, fields));
  }

  leave(): Call {
    return this.client.call((w) => protocol.writeLeave(w, this.number, 0));
  }

  declare(name: string, said: Said = {}): Handle {
    return new Handle(this, name, said, this.client.nextHandle());
  }

  /** Declares and offers. */
  offer(name: string, payload: Payload = null, options: OfferOptions & Said = {}): Handle {
    const handle = this.declare(name, options);
    handle.offer(payload, options).ok();
    return handle;
  }

  /** Declares and requires. */
  require(name: string, said: Said = {}, wait = false): Handle {
    const handle = this.declare(name, said);
    handle.require(wait).ok();
    return handle;
  }

  /** Declares and demands. */
  demand(name: string, options: DemandOptions & Said = {}): Call {
    return this.declare(name, options).demand(options);
  }

  promise(
    pattern: string,
    kind: keyof typeof PROMISE_KIND = 'name',
  ): { made: Call; close(): Call } {
    const number = this.client.nextPromise();
    const { client } = this;
    const code = PROMISE_KIND[kind];
    const write = (w: Parameters<typeof protocol.writePromise>[0]): void =>
      protocol.writePromise(w, number, this.number, code, pattern);
    return {
      made: client.call(write),
      close: () => client.call((w) => protocol.writeClose(w, number)),
    };
  }

  subscribe(asked: SubscribeOptions = {}): Subscriber {
    return new Subscriber(this, asked, this.client.nextSubscription());
  }

  /** Tells others something. */
  emit(topic: string, attributes: ValueMap = {}): Call {
    const said = attributesFor(this.client, attributes);
    return this.client.call((w) => protocol.writeEmit(w, this.number, topic, said));
  }

  queue(name: string, asked: Partial<protocol.QueueFields> = {}): Call {
    const fields = { name, selector: 'has step', by: 'step', keep: 0, maxAhead: 0, forget: 0 };
    return this.client.call((w) => protocol.writeQueue(w, { ...fields, ...asked }));
  }

  lease(size: number, options: { least?: number; for?: Handle; deadline?: number } = {}): Call {
    const handle = options.for?.number ?? protocol.HANDLE_NONE;
    const least = options.least ?? size;
    const deadline = options.deadline ?? 0;
    return this.client.call((w) => protocol.writeLease(w, size, least, handle, deadline));
  }

  /** Leases memory and writes `content` to it. */
  slice(content: string | Uint8Array): Slice {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const granted = this.lease(bytes.length).grant();
    const slice = { ...granted, size: bytes.length };
    bytesOf(this.client, slice).set(bytes);
    return slice;
  }

  giveBack(slice: Slice): Call {
    const { slab, offset, size } = slice;
    return this.client.call((w) => protocol.writeReturn(w, slab, offset, size));
  }

  adopt(file: string, size: number): Call {
    return this.client.call((w) => protocol.writeAdopt(w, file, size));
  }

  delete(name: string, force = false): Call {
    return this.client.call((w) => protocol.writeDelete(w, name, this.number, force));
  }

  tag(name: string, set: ValueMap, removed: readonly string[] = []): Call {
    const attributes = attributesFor(this.client, set);
    const keys = removed.map((key) => this.client.key(key));
    return this.client.call((w) => protocol.writeTag(w, name, this.number, attributes, keys));
  }

  unkeep(name: string): Call {
    return this.client.call((w) => protocol.writeUnkeep(w, name, this.number, 0));
  }

  cancel(call: Call): Call {
    return this.client.call((w) => protocol.writeCancel(w, call.number));
  }

  ping(): Call {
    return this.client.call(writePing);
  }

  end(): Call {
    return this.client.call(protocol.writeEnd);
  }

  stat(name: string): Call {
    return this.client.call((w) => protocol.writeStat(w, name));
  }

  list(glob: string, after = '', limit = 0, detail = false): Call {
    return this.query(`name ~ "${glob}"`, after, limit, detail ? protocol.DETAIL.stat : 0);
  }

  query(selector: string, after = '', limit = 0, detail = 0): Call {
    return this.client.call((w) => protocol.writeQuery(w, { selector, after, limit, detail }));
  }

  count(selector: string, after = ''): Call {
    return this.client.call((w) => protocol.writeCount(w, { selector, after }));
  }

  facets(key: string, selector = '', options: { what?: number; limit?: number } = {}): Call {
    const { what = protocol.FACETS.values, limit = 0 } = options;
    const part = { selector, after: '', what, key, limit };
    return this.client.call((w) => protocol.writeFacets(w, part));
  }

  sort(
    selector: string,
    key: string,
    options: {
      descending?: boolean;
      limit?: number;
      detail?: number;
      after?: string;
      place?: protocol.SortFields['place'];
    } = {},
  ): Call {
    const { descending = false, limit = 0, detail = 0, after = '', place = null } = options;
    const part = { selector, after, key, descending, limit, detail, place };
    return this.client.call((w) => protocol.writeSort(w, part));
  }

  tagSelected(
    selector: string,
    set: ValueMap,
    options: { removed?: readonly string[]; dry?: boolean; after?: string } = {},
  ): Call {
    const { dry = false, after = '' } = options;
    const tags = attributesFor(this.client, set);
    const removed = (options.removed ?? []).map((key) => this.client.key(key));
    const part = { selector, after, member: this.number, dry, tags, removed };
    return this.client.call((w) => protocol.writeTagSelected(w, part));
  }

  endSelected(selector: string, how: keyof typeof protocol.END, dry = false): Call {
    const part = { selector, after: '', member: this.number, dry, how: protocol.END[how] };
    return this.client.call((w) => protocol.writeEndSelected(w, part));
  }

  explainSelector(selector: string): Call {
    return this.client.call((w) => protocol.writeExplain(w, protocol.EXPLAIN.selector, selector));
  }

  gather(
    selector: string,
    key: string,
    value: Value,
    options: { removes?: boolean; dry?: boolean; after?: string } = {},
  ): Call {
    const { removes = false, dry = false, after = '' } = options;
    const part = { selector, after, member: this.number, dry, removes, key, value };
    return this.client.call((w) => protocol.writeGather(w, part));
  }

  define(kind: keyof typeof protocol.DEFINITION, name: string, definition: Value): Call {
    const code = protocol.DEFINITION[kind];
    return this.client.call((w) => protocol.writeDefine(w, { kind: code, name, definition }));
  }

  definitions(kind: keyof typeof protocol.DEFINITION, name = ''): Call {
    const code = protocol.DEFINITION[kind];
    return this.client.call((w) => protocol.writeDefinitions(w, { kind: code, name }));
  }

  members(): Call {
    return this.client.call(protocol.writeMembers);
  }

  info(): Call {
    return this.client.call(protocol.writeInfo);
  }

  explain(name: string): Call {
    return this.client.call((w) => protocol.writeExplain(w, protocol.EXPLAIN.name, name));
  }

  lineage(name: string, depth = 0): Call {
    return this.client.call((w) => protocol.writeLineage(w, name, depth));
  }

  explainWaits(): Call {
    return this.client.call((w) => protocol.writeExplain(w, protocol.EXPLAIN.waits));
  }

  explainRings(): Call {
    return this.client.call((w) => protocol.writeExplain(w, protocol.EXPLAIN.rings));
  }

  stop(force = false): Call {
    return this.client.call((w) => protocol.writeStop(w, force, 0));
  }
}

/** A handle of a member. */
export class Handle {
  readonly member: Member;
  readonly name: string;
  readonly number: number;
  readonly declared: Call;

  constructor(member: Member, name: string, said: Said, number: number) {
    this.member = member;
    this.name = name;
    this.number = number;
    const attributes = attributesFor(member.client, said.attributes ?? {});
    const space = said.space ?? null;
    this.declared = member.client.call((w) =>
      protocol.writeDeclare(w, number, member.number, name, space, attributes),
    );
  }

  set(said: Said): Call {
    const attributes = attributesFor(this.member.client, said.attributes ?? {});
    const space = said.space ?? null;
    return this.#call((w) => protocol.writeSet(w, this.number, space, attributes));
  }

  seal(): Call {
    return this.#call((w) => protocol.writeSeal(w, this.number));
  }

  offer(payload: Payload = null, options: OfferOptions = {}): Call {
    const { keep = false, replace = false, lifetime = 0, durability = 0 } = options;
    const scope =
      (keep ? SCOPE.pool : SCOPE.member) | (replace === false ? 0 : protocol.OFFER_REPLACES);
    const replaced = Number(replace === true ? 0 : replace);
    return this.#call((w) => {
      if (payload === null) {
        protocol.writeOfferNothing(w, this.number, scope, durability, lifetime, replaced);
      } else if (typeof payload === 'string' || payload instanceof Uint8Array) {
        const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
        protocol.writeOfferInline(w, this.number, scope, durability, lifetime, bytes, replaced);
      } else {
        const { slab, offset, size } = payload;
        const { number } = this;
        const where = [slab, offset, size] as const;
        protocol.writeOfferSlice(w, number, scope, durability, lifetime, ...where, replaced);
      }
    });
  }

  /** Offers a group, and what is in it. */
  offerGroup(
    members: readonly (readonly [handle: Handle, payload: Payload])[],
    options: OfferOptions = {},
  ): Call {
    const scope = options.keep === true ? SCOPE.pool : SCOPE.member;
    const { lifetime = 0, durability = 0 } = options;
    const group = { handle: this.number, scope, durability, lifetime };
    const each = members.map(([{ number }, payload]): protocol.GroupMember => {
      if (payload === null) return { handle: number, payload: { kind: 'nothing' } };
      if (typeof payload === 'string') {
        return { handle: number, payload: { kind: 'inline', bytes: Buffer.from(payload) } };
      }
      const isBytes = payload instanceof Uint8Array;
      return {
        handle: number,
        payload: isBytes ? { kind: 'inline', bytes: payload } : { kind: 'slice', ...payload },
      };
    });
    return this.#call((w) => protocol.writeOfferGroup(w, group, each));
  }

  /** Requires what the group of another handle has of this one's object. */
  requireMember(group: Handle): Call {
    return this.#call((w) => protocol.writeRequireMember(w, this.number, group.number));
  }

  /** Offers a region of the handle's space, whose shape is given. */
  offerPart(
    [shape, selection]: Part,
    payload: string | Uint8Array | Slice,
    options: OfferOptions = {},
  ): Call {
    const scope = options.keep === true ? SCOPE.pool : SCOPE.member;
    const { lifetime = 0, durability = 0 } = options;
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    return this.#call((w) =>
      protocol.writeOfferPart(w, {
        handle: this.number,
        scope,
        durability,
        lifetime,
        region: selectRegion(shape, selection),
        payload:
          bytes instanceof Uint8Array ? { kind: 'inline', bytes } : { kind: 'slice', ...bytes },
      }),
    );
  }

  /** Appends rows to the handle's object. */
  append(payload: string | Slice, options: OfferOptions = {}): Call {
    const scope = options.keep === true ? SCOPE.pool : SCOPE.member;
    const { lifetime = 0, durability = 0 } = options;
    return this.#call((w) =>
      protocol.writeAppend(w, {
        ...{ handle: this.number, scope, durability, lifetime },
        payload:
          typeof payload === 'string'
            ? { kind: 'inline', bytes: Buffer.from(payload) }
            : { kind: 'slice', ...payload },
      }),
    );
  }

  finish(): Call {
    return this.#call((w) => protocol.writeFinish(w, this.number));
  }

  /** Says what it will require. */
  region([shape, selection]: Part): Call {
    const region = selectRegion(shape, selection);
    return this.#call((w) => protocol.writeRegionFields(w, this.number, region));
  }

  /** Says it without a shape: null is all of an axis. */
  openRegion(selection: RegionSelection): Call {
    const region = selectOpen(selection);
    return this.#call((w) => protocol.writeRegionFields(w, this.number, region));
  }

  require(wait = false): Call {
    const policy = wait ? POLICY.wait : POLICY.fail;
    return this.#call((w) => protocol.writeRequire(w, this.number, policy));
  }

  demand(options: DemandOptions = {}): Call {
    const policy = options.wait === true ? POLICY.wait : POLICY.fail;
    const mode = MODE[options.mode ?? 'view'];
    let want = options.want === true ? WANT.attributes : 0;
    if (options.dispose === true) want |= WANT.dispose;
    if (options.ready === true) want |= WANT.ready;
    return this.#call((w) =>
      protocol.writeDemand(w, this.number, options.deadline ?? 0, mode, policy, want),
    );
  }

  retract(): Call {
    return this.#call((w) => protocol.writeRetract(w, this.number));
  }

  withdraw(): Call {
    return this.#call((w) => protocol.writeWithdraw(w, this.number, 0));
  }

  dispose(): Call {
    return this.#call((w) => protocol.writeDispose(w, this.number));
  }

  #call(write: Parameters<Client['call']>[0]): Call {
    return this.member.client.call(write);
  }
}

function attributesFor(client: Client, map: ValueMap): [number, Value][] {
  return Object.entries(map).map(([key, value]) => [client.key(key), value]);
}
