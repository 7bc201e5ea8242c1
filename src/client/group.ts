import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { Dtype } from '../core/space.js';
import { utf8Length } from '../core/utf8.js';
import {
  type GroupMember,
  MODE,
  writeDemand,
  writeOfferGroup,
  writeRequire,
  writeRequireMember,
  writeRetract,
  writeSeal,
  writeWithdraw,
} from '../protocol/index.js';
import { bytesOfView, dtypeOfArray } from './arrays.js';
import { type Acknowledged, Call } from './call.js';
import type { Client } from './client.js';
import { DeliveredGroup } from './delivered-group.js';
import { policyOf, wantOf } from './demanding.js';
import { wrongState } from './errors.js';
import { GroupObject } from './group-object.js';
import { Handle } from './handle.js';
import { checkOptions } from './known-options.js';
import { isMemoryLost, STORE_ATTEMPTS_MAX } from './lost-memory.js';
import type { Making } from './making.js';
import { encodeOffer, leaseFor, type Payload } from './offering.js';
import {
  deadlineOf,
  type ObjectOptions,
  type OfferOptions,
  type RequireOptions,
  type WaitOptions,
} from './options.js';
import { type Parcel, readParcel, ToldParts } from './parcels.js';
import { UNHEEDED } from './pending.js';
import { handlesFor, postEach, RequiredMany } from './required-many.js';
import type { Seat } from './seat.js';
import type { Slice } from './slice.js';
import { throwIfAborted, waiting, waitingHeld } from './waiting.js';

/** The attribute by which a group says what is in it. */
const MEMBERS_KEY = '.depends-on';
/** Payloads that go with the message of a group; what is beyond goes through slabs. */
const INLINE_BYTES_MAX = 1024 * 1024;
/** What a name takes in a list, beside its bytes. */
const NAME_BYTES = 5;
/** A group is an object of length 0. */
const NOTHING = { dtype: 'uint8', shape: [0] } as const;

/** An object of a group, and where its bytes are. */
interface Part {
  readonly handle: Handle;
  readonly payload: () => Payload;
  readonly making: Making | null;
}

/**
 * Many objects as one: made by `pool.group(name)`. A producer puts objects into it and offers them
 * in one step; a consumer requires or demands it by its name, also before it is there.
 *
 * ```ts
 * const step = pool.group('step/24', { attributes: { step: 24 } });
 * step.add('t/24', t, { attributes: { param: 't' } });
 * step.add('u/24', u, { attributes: { param: 'u' } });
 * await step.offer();
 * await step.withdraw();
 * ```
 */
export class PoolGroup {
  readonly #seat: Seat;
  readonly #own: Handle;
  readonly #parts: Part[] = [];
  readonly #names = new Set<string>();
  #nameBytes = 0;
  #ready: boolean | undefined;
  #isKept = false;

  constructor(seat: Seat, name: string, options: Pick<ObjectOptions, 'attributes'>) {
    if (options.attributes !== undefined && MEMBERS_KEY in options.attributes) {
      const why = 'what it depends on is what is put into it';
      throw new AttaccaError('bad-argument', `Cannot make the group "${name}": ${why}`, { name });
    }
    this.#seat = seat;
    this.#own = new Handle(seat, name, { attributes: options.attributes, space: NOTHING });
  }

  get name(): string {
    return this.#own.name;
  }

  /** The names of what was put into it, in this order. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** Puts an object into the group: its bytes must not change until `offer` returns. */
  add(name: string, data?: ArrayBufferView, options: ObjectOptions = {}): this {
    checkOptions('object', `put "${name}" into a group`, options);
    const space = options.space ?? (data === undefined ? {} : { dtype: dtypeOfArray(data) });
    const handle = new Handle(this.#seat, name, { ...options, space });
    const bytes = data === undefined ? new Uint8Array(0) : bytesOfView(data);
    this.#put({ handle, payload: () => ({ kind: 'bytes', bytes }), making: null });
    return this;
  }

  /** Puts an object into the group whose `array` is the pool's own memory, to be written now. */
  object<D extends Dtype = Dtype>(
    name: string,
    options: ObjectOptions & { readonly space?: { readonly dtype?: D } | undefined } = {},
  ): GroupObject<D> {
    checkOptions('object', `make "${name}"`, options);
    const object = new GroupObject<D>(this.#seat, name, options);
    const { handle, making } = GroupObject.partsOf(object as unknown as GroupObject);
    this.#put({ handle, payload: () => making.payload(), making });
    return object;
  }

  #put(part: Part): void {
    const { name } = part.handle;
    this.#own.mustBe('put into the group', 'open');
    if (name === this.name || this.#names.has(name)) {
      const why = `"${name}" is in it already`;
      throw wrongState(`put into the group "${this.name}"`, why, { name });
    }
    const bytes = this.#nameBytes + utf8Length(name) + NAME_BYTES;
    if (bytes > LIMITS.groupNamesBytesMax) {
      const why = `the names of ${this.#names.size} objects are as much as one group holds`;
      const what = `Cannot put "${name}" into the group "${this.name}"`;
      throw new AttaccaError('too-large', `${what}: ${why}`, {
        size: bytes,
        limit: LIMITS.groupNamesBytesMax,
      });
    }
    this.#nameBytes = bytes;
    this.#names.add(name);
    this.#parts.push(part);
  }

  /** Says what is in it, before the pool hears of the group. */
  #sayMembers(): void {
    const { attributes, space } = this.#own;
    if (this.#names.size === 0 || MEMBERS_KEY in attributes) return;
    this.#own.change(space, { ...attributes, [MEMBERS_KEY]: [...this.#names] });
  }

  /** Fixes what is said of the group and of what is in it. Offer implies it. */
  async seal(): Promise<void> {
    this.#own.mustBe('seal', 'open');
    this.#sayMembers();
    const handles = [...this.#parts.map(({ handle }) => handle), this.#own];
    await this.#during('seal', () => postEach(this.#seat, handles, writeSeal));
    this.#own.state = 'sealed';
  }

  /**
   * Publishes all that was put into it, and the group, in one step: whoever looks sees all of it or
   * nothing. Without `keep` the offer ends when the member leaves. When one cannot be offered none
   * is, and offer may be called again.
   *
   * Errors: as of an object; `vetoed` names the one that was forbidden.
   */
  async offer(options: OfferOptions & WaitOptions = {}): Promise<Acknowledged> {
    checkOptions('groupOffer', `offer "${this.name}"`, options);
    this.#own.mustBe('offer', 'open', 'sealed');
    throwIfAborted(`offer "${this.name}"`, options.signal);
    const acknowledged = await this.#during('offer', () => this.#offer(options));
    this.#own.state = 'offered';
    this.#isKept = options.keep === true;
    for (const { handle, making } of this.#parts) {
      handle.state = 'offered';
      making?.offered();
    }
    return acknowledged;
  }

  /** By slabs what found no room in messages; once more what was lost with the pool's memory. */
  async #offer(options: OfferOptions & WaitOptions): Promise<Acknowledged> {
    this.#sayMembers();
    const { client } = this.#seat;
    let room = INLINE_BYTES_MAX;
    for (let attempt = 1; ; attempt++) {
      const leased: Slice[] = [];
      let members: readonly GroupMember[] = [];
      try {
        members = await this.#members(options, { leased, room, isAgain: attempt > 1 });
        return await this.#send(members, options);
      } catch (error) {
        const isLost = isMemoryLost(client, error);
        if (isLost) forgetSlabs(client, members);
        else for (const slice of leased) client.leases.giveBack(slice);
        const isFull = error instanceof AttaccaError && error.code === 'memory-full';
        const mayGoOn = isLost || (isFull && members.length > 0 && room > 0);
        if (!mayGoOn || attempt === STORE_ATTEMPTS_MAX) throw error;
        room = 0;
      }
    }
  }

  async #send(
    members: readonly GroupMember[],
    options: OfferOptions & WaitOptions,
  ): Promise<Acknowledged> {
    await this.#enter('offer');
    const how = encodeOffer(options);
    const { declares } = this.#own;
    const call = new Call<never>(1 + declares);
    const first = this.#own.post(call, 1, (w, handle) => {
      writeOfferGroup(w, { handle, ...how }, members);
    });
    const request = { number: first + declares, what: `offer "${this.name}"` };
    await waitingHeld(this.#seat.client.connection, call, request, options);
    return call.acknowledged;
  }

  /** Declares all, and brings their bytes to where the pool has them. */
  async #members(
    options: WaitOptions,
    how: { readonly leased: Slice[]; readonly room: number; readonly isAgain: boolean },
  ): Promise<readonly GroupMember[]> {
    const { client } = this.#seat;
    await postEach(
      this.#seat,
      this.#parts.map(({ handle }) => handle).filter(({ declares }) => declares === 1),
      null,
    );
    const members: GroupMember[] = [];
    let { room } = how;
    for (const part of this.#parts) {
      const payload = part.payload();
      const { number } = part.handle;
      if (number === null) throw wrongState(`offer "${this.name}"`, 'its connection was lost');
      const { bytes } = payload;
      if (payload.kind === 'slice' && (bytes === undefined || !how.isAgain)) {
        members.push({ handle: number, payload: { ...payload.slice, kind: 'slice' } });
        continue;
      }
      if (bytes === undefined) continue;
      if (bytes.length === 0) members.push({ handle: number, payload: { kind: 'nothing' } });
      else if (bytes.length <= client.inlineBytesMax && bytes.length <= room) {
        room -= bytes.length;
        members.push({ handle: number, payload: { kind: 'inline', bytes } });
      } else {
        const slice = await leaseFor(part.handle, bytes.length, options);
        how.leased.push(slice);
        await client.plane.store(slice, bytes);
        members.push({ handle: number, payload: { ...slice, kind: 'slice' } });
      }
    }
    return members;
  }

  /**
   * Ends the offer of the group and of all that is in it: those who required it are still served.
   * Ends the group.
   */
  async withdraw(options: WaitOptions = {}): Promise<void> {
    checkOptions('wait', `withdraw "${this.name}"`, options);
    this.#own.mustBe('withdraw', 'offered');
    const what = `withdraw "${this.name}"`;
    throwIfAborted(what, options.signal);
    this.#verify('withdraw');
    await this.#during('withdraw', async () => {
      await this.#enter('withdraw');
      const call = new Call<never>(1);
      const number = this.#own.post(call, 1, (w, handle) =>
        writeWithdraw(w, handle, deadlineOf(options.timeoutMs)),
      );
      await waiting(this.#seat.client.connection, call, { number, what }, options);
    });
    this.#end();
  }

  /**
   * Announces need of all that is in the group, also before it is there: what it has at its offer
   * stays until this member has demanded it. Errors: as of an object.
   */
  async require(options: RequireOptions = {}): Promise<void> {
    checkOptions('groupRequire', `require "${this.name}"`, options);
    this.#mustBeEmpty('require');
    const policy = policyOf(options);
    try {
      await this.#during('require', () =>
        postEach(this.#seat, [this.#own], (w, handle) => writeRequire(w, handle, policy)),
      );
    } catch (error) {
      this.#own.release();
      throw error;
    }
    this.#own.state = 'required';
    this.#ready = options.ready;
  }

  /**
   * Waits until the group is offered, and hands over all that is in it. Requires first if that was
   * not done. Errors: as of an object; `object-mismatch` of one that is no group.
   *
   * ```ts
   * await using step = await pool.group('step/24').demand();
   * for (const field of step) draw(field.name, field.array);
   * ```
   */
  async demand(options: WaitOptions & RequireOptions = {}): Promise<DeliveredGroup> {
    checkOptions('groupDemand', `demand "${this.name}"`, options);
    this.#mustBeEmpty('demand');
    const wasRequired = this.#own.state === 'required';
    this.#own.state = 'busy';
    let head: Parcel;
    try {
      head = await this.#head({ ...options, ready: options.ready ?? this.#ready });
    } catch (error) {
      const isOpen = wasRequired && staysRequired(error);
      if (!isOpen) this.#own.release();
      this.#own.state = isOpen ? 'required' : 'open';
      throw isMismatch(error) ? noGroup(this.name, error) : error;
    }
    try {
      const views = await this.#views(head, options);
      return new DeliveredGroup({ ...head, name: this.name }, views);
    } finally {
      this.#own.release();
      this.#own.state = 'ended';
    }
  }

  /** The group itself: its handle has what is in it from now on. */
  async #head(options: WaitOptions & RequireOptions): Promise<Parcel> {
    const what = `demand "${this.name}"`;
    throwIfAborted(what, options.signal);
    await this.#enter('demand');
    const { connection } = this.#seat.client;
    const deadline = deadlineOf(options.timeoutMs);
    const policy = policyOf(options);
    const count = 1 + this.#own.declares;
    const call = new Call<Parcel>(count, (code, r) => readParcel(code, r, new ToldParts()));
    const first = this.#own.post(call, 1, (w, handle) =>
      writeDemand(w, handle, deadline, MODE.view, policy, wantOf(options)),
    );
    const request = { number: first + count - 1, what };
    const parcel = await waiting(connection, call, request, options);
    if (parcel === undefined) throw new AttaccaError('internal', `Cannot ${what}: no answer came`);
    return parcel;
  }

  async #views({ attributes }: Parcel, options: WaitOptions & RequireOptions) {
    const group = this.#own.number;
    const said = attributes[MEMBERS_KEY] ?? [];
    const names = (Array.isArray(said) ? said : [said]).map(String);
    const handles = handlesFor(this.#seat, names, {});
    const required = new RequiredMany(this.#seat, handles);
    if (group === null) throw wrongState(`demand "${this.name}"`, 'its connection was lost');
    try {
      await postEach(this.#seat, handles, (w, handle) => writeRequireMember(w, handle, group));
    } catch (error) {
      await required.retract();
      throw error;
    }
    return await required.demand({ ...options, ready: false });
  }

  /** Takes a require back. Ends the group. */
  async retract(): Promise<void> {
    this.#own.mustBe('retract', 'required');
    await this.#during('retract', () => postEach(this.#seat, [this.#own], writeRetract));
    this.#end();
  }

  /** Frees what is not offered, or stays by itself. Idempotent; withdraw what is offered. */
  async dispose(): Promise<void> {
    const own = this.#own;
    if (own.state === 'ended') return;
    own.mustBe('dispose', 'open', 'sealed', 'offered', 'required');
    const { number, state } = own;
    if (state === 'offered' && !this.#isKept) {
      throw wrongState(`dispose "${this.name}"`, 'it is offered');
    }
    if (state === 'required' && number !== null && !this.#seat.isGone) {
      own.post(UNHEEDED, 1, writeRetract);
    }
    this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#seat.isGone) return;
    if (this.#own.state === 'offered' && !this.#isKept) await this.withdraw();
    else await this.dispose();
  }

  #mustBeEmpty(what: string): void {
    this.#own.mustBe(what, 'open', 'required');
    if (this.#parts.length === 0) return;
    throw wrongState(`${what} "${this.name}"`, 'objects were put into it, to be offered');
  }

  async #enter(what: string): Promise<void> {
    const room = this.#seat.enter(`${what} "${this.name}"`);
    if (room !== null) await room;
  }

  async #during<T>(what: string, run: () => Promise<T>): Promise<T> {
    const before = this.#own.state;
    this.#own.mustBe(what, 'open', 'sealed', 'offered', 'required');
    this.#own.state = 'busy';
    try {
      return await run();
    } finally {
      this.#own.state = before;
    }
  }

  #verify(what: string): void {
    for (const { making } of this.#parts) making?.verify(what);
  }

  #end(): void {
    for (const { handle, making } of this.#parts) {
      making?.end();
      handle.release();
      handle.state = 'ended';
    }
    this.#own.release();
    this.#own.state = 'ended';
  }
}

/** What lay in slabs that are gone is leased anew. */
function forgetSlabs(client: Client, members: readonly GroupMember[]): void {
  for (const { payload } of members) {
    if (payload.kind === 'slice') client.leases.forget(payload.slab);
  }
}

/** Whether a require is still open after its demand failed so. */
function staysRequired(error: unknown): boolean {
  if (!(error instanceof AttaccaError)) return false;
  return ['deadline-passed', 'cancelled', 'aborted'].includes(error.code);
}

function isMismatch(error: unknown): error is AttaccaError {
  return error instanceof AttaccaError && error.code === 'object-mismatch';
}

function noGroup(name: string, cause: AttaccaError): AttaccaError {
  const text = `Cannot demand the group "${name}": it is no group`;
  return new AttaccaError(cause.code, text, { ...cause.fields, name }, { cause });
}
