import { assert } from '../core/assert.js';
import { RegionLocks } from './region-locks.js';

/** Who waits for transfers to be done, and how many of them are not. */
export interface Awaiting {
  readonly session: number;
  /** Its request; 0: it was told that they will not be. */
  request: number;
  left: number;
}

/** Regions that a member writes to an open object, or reads from it. */
export interface Moving {
  readonly id: number;
  readonly isWrite: boolean;
  readonly version: number;
  /** Id of the member. */
  readonly member: number;
  readonly session: number;
  /** The request that is answered when it is done; 0: it was answered, or nobody is there. */
  request: number;
  /** dtype, order and byte order of the payload, encoded as a space of no dimensions. */
  readonly as: Uint8Array;
  /** The regions, each behind its size. */
  readonly regions: Uint8Array;
  readonly count: number;
  /** The block of a slab that has the payload; 0: `record` has it. */
  readonly block: number;
  /** An arena record; 0: there are no bytes. */
  readonly record: number;
  readonly size: number;
  /** It waits for its member's commit; else the agent was asked for it, or it was dropped. */
  isHeld: boolean;
  /** Its member has gone without a commit: reads before this one have it still. 0: it was not. */
  droppedAt: number;
  awaiting: Awaiting | null;
}

/** A version that members write to. */
export class OpenVersion {
  readonly version: number;
  /** One of CONSISTENCY. */
  readonly consistency: number;
  readonly locks = new RegionLocks();
  /** Who has asked that it be sealed, when all that was written is there. */
  sealing: { readonly session: number; readonly request: number } | null = null;
  /** Writes that the agent has not done. */
  writes = 0;

  constructor(version: number, consistency: number) {
    this.version = version;
    this.consistency = consistency;
  }
}

/** What is open, and what moves to and from it. Few versions, some thousand transfers: maps. */
export class OpenState {
  readonly versions = new Map<number, OpenVersion>();
  /** In the order in which the agent was asked for them; those that are held, as they came. */
  readonly moving = new Map<number, Moving>();
  /** Of the next transfer. */
  next = 1;
  /** Those that were dropped. */
  dropped = 0;
  /** Bytes of the regions of all that moves. */
  regionBytes = 0;
  /** Locks of all versions, held and waited for. */
  locks = 0;

  add(moving: Moving): void {
    this.moving.set(moving.id, moving);
    this.regionBytes += moving.regions.length;
    if (moving.droppedAt !== 0) this.dropped++;
  }

  drop(moving: Moving): void {
    moving.isHeld = false;
    moving.droppedAt = this.next;
    this.dropped++;
  }

  remove(moving: Moving): void {
    assert(this.moving.delete(moving.id), 'what moves is known');
    this.regionBytes -= moving.regions.length;
    if (moving.droppedAt !== 0) this.dropped--;
  }
}
