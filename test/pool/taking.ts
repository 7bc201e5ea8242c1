import { type RegionSelection, selectRegion } from '../../src/core/regions/selection.js';
import { itemSizeOf, type SpaceExpectation } from '../../src/core/space.js';
import * as protocol from '../../src/protocol/index.js';
import { bytesOf, type Call, type Slice } from './call.js';
import type { Handle, Member } from './member.js';

const { CONSISTENCY, LOCK_MODE, MESSAGE, SCOPE } = protocol;

type Consistency = keyof typeof CONSISTENCY;

/** The object of these tests: eight bytes, unless another is told. */
export const SPACE = { dtype: 'uint8', shape: [8] } as const;

/** A member's handle on an open object. */
export class Taking {
  readonly member: Member;
  readonly handle: Handle;
  /** CREATE or OPEN. */
  readonly made: Call;
  #locks = 0;

  private constructor(handle: Handle, made: Call) {
    this.member = handle.member;
    this.handle = handle;
    this.made = made;
  }

  static create(
    member: Member,
    name: string,
    content: string,
    options: { consistency?: Consistency; keep?: boolean; space?: SpaceExpectation } = {},
  ): Taking {
    const { consistency = 'posix', keep = false, space = SPACE } = options;
    const handle = member.declare(name, { space });
    const slice = member.slice(content);
    const made = member.client.call((w) =>
      protocol.writeCreate(w, {
        handle: handle.number,
        scope: keep ? SCOPE.pool : SCOPE.member,
        consistency: CONSISTENCY[consistency],
        lifetime: 0,
        slice,
      }),
    );
    return new Taking(handle, made);
  }

  static open(member: Member, name: string, deadline = 0, space: SpaceExpectation = {}): Taking {
    const handle = member.declare(name, { space });
    const made = member.client.call((w) => protocol.writeOpen(w, handle.number, deadline));
    return new Taking(handle, made);
  }

  /** Writes text within the message, or, with `slice`, from leased memory. */
  write(selection: RegionSelection, text: string, options: TransferOptions = {}): Call {
    return this.writeMany([selection], text, options);
  }

  writeMany(
    selections: readonly RegionSelection[],
    content: string | Uint8Array,
    { shape = SPACE.shape, slice = false, as = null, lossy = false }: TransferOptions = {},
  ): Call {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const payload = slice
      ? ({ kind: 'slice', ...this.member.slice(bytes) } as const)
      : ({ kind: 'inline', bytes } as const);
    const regions = selections.map((each) => selectRegion(shape, each));
    const { number: handle } = this.handle;
    return this.member.client.call((w) =>
      protocol.writeTransfer(w, MESSAGE.writeRegions, { handle, as, lossy, regions, payload }),
    );
  }

  /** Reads into memory that it leases; the text is there when the call is answered. */
  read(
    selections: readonly RegionSelection[],
    { shape = SPACE.shape, as = null, lossy = false }: TransferOptions = {},
  ): { readonly call: Call; text(): string; readonly slice: Slice } {
    const regions = selections.map((each) => selectRegion(shape, each));
    const count = regions.reduce((sum, region) => sum + region.count, 0);
    const size = count * itemSizeOf(as?.dtype ?? 'uint8');
    const slice = { ...this.member.lease(Math.max(size, 1)).grant(), size };
    const { number: handle } = this.handle;
    const payload = { kind: 'slice', ...slice } as const;
    const call = this.member.client.call((w) =>
      protocol.writeTransfer(w, MESSAGE.readRegions, { handle, as, lossy, regions, payload }),
    );
    const text = (): string => {
      call.ok();
      return Buffer.from(bytesOf(this.member.client, slice)).toString();
    };
    return { call, text, slice };
  }

  /** All of eight bytes, as this member sees them. */
  sees(): string {
    const { text, slice } = this.read([[null]]);
    const seen = text();
    this.member.giveBack(slice).ok();
    return seen;
  }

  commit(closes = false): Call {
    return this.member.client.call((w) => protocol.writeCommit(w, this.handle.number, closes));
  }

  /** Asks for a lock; returns its call, and what gives it back. */
  lock(
    mode: keyof typeof LOCK_MODE,
    selection: RegionSelection,
    { block = true, deadline = 0, shape = SPACE.shape as readonly number[] } = {},
  ): { readonly call: Call; unlock(): Call } {
    const number = this.#locks++;
    const { number: handle } = this.handle;
    const region = selectRegion(shape, selection);
    const { client } = this.member;
    const asked = { handle, lock: number, mode: LOCK_MODE[mode], block, deadline, region };
    return {
      call: client.call((w) => protocol.writeLock(w, asked)),
      unlock: () => client.call((w) => protocol.writeUnlock(w, handle, number)),
    };
  }
}

export interface TransferOptions {
  readonly shape?: readonly number[];
  readonly slice?: boolean;
  readonly as?: SpaceExpectation | null;
  readonly lossy?: boolean;
}
