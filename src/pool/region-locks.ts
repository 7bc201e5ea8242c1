import type { Region } from '../core/regions/region.js';
import { LOCK_MODE } from '../protocol/index.js';

/** A region of an open object that a handle holds, or waits for. */
export interface RegionLock {
  /** The row of the handle. */
  readonly handle: number;
  /** The client's number for it. */
  readonly number: number;
  /** The id of the member. */
  readonly member: number;
  readonly mode: number;
  readonly region: Region;
  /** Pool time in ms at which it was asked for, then at which it was granted. */
  since: number;
  /** The wait for it; 0: it is held. */
  wait: number;
}

/**
 * The locks of one object in the order in which they were asked for. Two conflict when they are of
 * different members, have an element in common and one of them is for writing. Who asks waits for
 * every lock before it that conflicts, held or waited for: so nobody overtakes whom it would keep
 * waiting, and a writer's turn comes however many readers there are. A lock that is granted
 * conflicts with none before it, and what comes after waits for it: so who waits need only look at
 * those before.
 */
export class RegionLocks {
  #locks: RegionLock[] = [];
  /** Of their regions: what a lock that is asked for is compared with. */
  #runs = 0;

  get size(): number {
    return this.#locks.length;
  }

  get runs(): number {
    return this.#runs;
  }

  /** In the order in which they were asked for. */
  values(): readonly RegionLock[] {
    return this.#locks;
  }

  find(handle: number, number: number): RegionLock | null {
    return this.#locks.find((lock) => lock.handle === handle && lock.number === number) ?? null;
  }

  /** The locks for which one that is asked for now would wait. */
  conflictsOf(asked: Pick<RegionLock, 'member' | 'mode' | 'region'>): RegionLock[] {
    return this.#locks.filter((lock) => conflict(lock, asked));
  }

  /** A lock of the same member that it would conflict with if that were another one. */
  ownConflict({ member, mode, region }: Omit<RegionLock, 'since' | 'wait'>): RegionLock | null {
    const isOwn = (lock: RegionLock): boolean => lock.member === member;
    const foreign = { member: -1, mode, region };
    return this.#locks.find((lock) => isOwn(lock) && conflict(lock, foreign)) ?? null;
  }

  /** Those before one that waits, for which it waits. */
  blockersOf(waiting: RegionLock): RegionLock[] {
    const before = this.#locks.slice(0, this.#locks.indexOf(waiting));
    return before.filter((lock) => conflict(lock, waiting));
  }

  add(lock: RegionLock): void {
    this.#locks.push(lock);
    this.#runs += lock.region.runs;
  }

  /** Takes out those that pass, and returns them. */
  remove(passes: (lock: RegionLock) => boolean): RegionLock[] {
    const removed = this.#locks.filter(passes);
    if (removed.length > 0) this.#locks = this.#locks.filter((lock) => !passes(lock));
    for (const { region } of removed) this.#runs -= region.runs;
    return removed;
  }

  /**
   * Those that waited for some that are gone, and wait for none any more, in the order in which
   * they were asked for.
   */
  grantable(gone: readonly RegionLock[]): RegionLock[] {
    return this.#locks.filter((lock, at) => {
      if (lock.wait === 0 || !gone.some((each) => conflict(each, lock))) return false;
      for (let before = 0; before < at; before++) {
        if (conflict(this.#locks[before] as RegionLock, lock)) return false;
      }
      return true;
    });
  }
}

type Claim = Pick<RegionLock, 'member' | 'mode' | 'region'>;

function conflict(one: Claim, other: Claim): boolean {
  if (one.member === other.member) return false;
  if (one.mode === LOCK_MODE.read && other.mode === LOCK_MODE.read) return false;
  return one.region.meets(other.region);
}
