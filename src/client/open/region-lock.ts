import type { Region } from '../../core/regions/region.js';
import { LOCK_MODE, writeLock, writeUnlock } from '../../protocol/index.js';
import { Call } from '../call.js';
import type { Handle } from '../handle.js';
import { deadlineOf, type WaitOptions } from '../options.js';
import { throwIfAborted, unlessLate, waiting } from '../waiting.js';
import type { RegionQueue } from './region-queue.js';

export interface LockOptions extends WaitOptions {
  /** Whether it waits for others: by default. */
  readonly block?: boolean | undefined;
}

/** A region that this member has locked; made by `object.lock`. */
export class RegionLock {
  readonly mode: 'read' | 'write';
  readonly region: Region;
  readonly #handle: Handle;
  readonly #number: number;
  readonly #queue: RegionQueue;
  readonly #release: () => Promise<void>;
  #releasing: Promise<void> | null = null;

  constructor(
    handle: Handle,
    of: { readonly mode: 'read' | 'write'; readonly region: Region; readonly number: number },
    queue: RegionQueue,
    release: () => Promise<void>,
  ) {
    this.mode = of.mode;
    this.region = of.region;
    this.#number = of.number;
    this.#handle = handle;
    this.#queue = queue;
    this.#release = release;
  }

  /** For the object: asks for it, and waits until it is held. */
  async acquire(options: LockOptions): Promise<void> {
    const { seat, name } = this.#handle;
    const what = `lock "${name}"`;
    throwIfAborted(what, options.signal);
    const room = seat.enter(what);
    if (room !== null) await room;
    const asked = {
      lock: this.#number,
      mode: LOCK_MODE[this.mode],
      block: options.block ?? true,
      deadline: deadlineOf(options.timeoutMs),
      region: this.region,
    };
    const call = new Call<never>(1);
    const number = this.#handle.post(call, 1, (w, handle) => writeLock(w, { ...asked, handle }));
    try {
      await waiting(seat.client.connection, call, { number, what }, options);
    } catch (error) {
      // What is granted when nobody waits for it any more goes back.
      call.whenAnswered(() => {
        if (call.hasSucceeded) this.giveBack().catch(() => {});
      });
      throw error;
    }
  }

  /** For the object: UNLOCK, behind all that was written. */
  giveBack(): Promise<void> {
    return this.#queue.post((w, handle) => writeUnlock(w, handle, this.#number));
  }

  /**
   * Publishes what is mapped of the region, if the lock is for writing, and gives it back. Others
   * get it at once, and see what was published. Idempotent. `wrong-state` when the object is not
   * open any more and what is mapped was not published. It goes on when it is given up.
   */
  release(options: WaitOptions = {}): Promise<void> {
    this.#releasing ??= this.#release();
    const { timeoutMs, signal } = options;
    if (timeoutMs === undefined && signal === undefined) return this.#releasing;
    return unlessLate(this.#releasing, `release a lock of "${this.#handle.name}"`, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
