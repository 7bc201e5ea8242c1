import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { ValueMap } from '../core/value.js';
import { type Accept, MESSAGE, type PoolInfo, readWelcome, writeJoin } from '../protocol/index.js';
import { type Address, connect, type Link, parseAddress, tokenOf } from '../transport/index.js';
import { Call } from './call.js';
import { Connection, type ConnectionLimits } from './connection.js';
import { DataLink } from './data-link.js';
import { DataPlane, type TransportChoice } from './data-plane.js';
import { asAttaccaError, wrongState } from './errors.js';
import { Leaks } from './leaks.js';
import { Leases } from './leases.js';
import { describeProcess } from './opening.js';
import type { WaitOptions } from './options.js';
import { Seat } from './seat.js';
import { Threads } from './threads.js';
import { throwIfAborted, waiting } from './waiting.js';

/**
 * Payloads up to here travel in messages, though slices cost less CPU from 2 KiB on (18 us against
 * 23 for put, demand and dispose; 16 KiB: 18 against 68): the reader of small ones maps nothing,
 * which saves a short program the 10 ms of loading koffi. Over a socket all that may go so does:
 * WRITE and READ are two round trips more.
 */
const INLINE_BYTES = 4 * 1024;

export interface ClientOptions {
  readonly address: string;
  readonly poolId: string;
  readonly transport: TransportChoice;
  /** Left out: as {@link patienceMs} says. */
  readonly reconnectMs?: number | undefined;
  /** How long a pool at which nobody listens is tried. Left out: 0. */
  readonly connectMs?: number | undefined;
  /** Compares checksums where bytes change hands: ATTACCA_CHECK=1. */
  readonly checks: boolean;
  readonly limits?: ConnectionLimits | undefined;
}

const ACCEPT_MS = 30_000;
const RECONNECT_MS = 30_000;
/** A process that was killed is gone, and the pool has noticed, well within the sum of these. */
const NAME_PAUSES_MS = [50, 100, 200] as const;

/** What a session has once it is open. */
interface Ground {
  readonly pool: PoolInfo;
  readonly plane: DataPlane;
  readonly leases: Leases;
}

/** One process at one pool: its session, its memory, its ways to move bytes. */
export class Client {
  readonly connection: Connection;
  readonly leaks = new Leaks();
  readonly threads = new Threads();
  readonly checks: boolean;
  readonly options: ClientOptions;
  #ground: Ground | null = null;
  /** Why the transport that was asked for cannot be had. */
  #obstacle: AttaccaError | null = null;

  constructor(options: ClientOptions) {
    this.options = options;
    this.checks = options.checks;
    const address = parseAddress(options.address);
    this.connection = new Connection(
      {
        open: (signal) => openLink(address, address, signal),
        hello: { poolId: options.poolId, process: describeProcess() },
        reconnectMs: () => options.reconnectMs ?? patienceMs(this.connection.pool),
        connectMs: options.connectMs ?? 0,
        acceptMs: ACCEPT_MS,
      },
      {
        onAccept: (accept, pool) => this.#onAccept(address, accept, pool),
        onResumed: (pool) => this.#ground?.plane.resumed(pool),
        onReclaim: () => this.#ground?.leases.reclaim(),
        onSlabGone: (slab) => {
          this.#ground?.leases.forget(slab);
          this.#ground?.plane.slabGone(slab);
        },
        onOver: (error) => {
          this.threads.close();
          this.#ground?.plane.close(error);
        },
      },
      options.limits,
    );
  }

  /** Readies what the first bytes will need; nothing if there is no session. Never fails. */
  async prepare(): Promise<void> {
    if (this.connection.over === null) await this.#ground?.plane.prepare();
  }

  get plane(): DataPlane {
    return this.#open.plane;
  }

  get leases(): Leases {
    return this.#open.leases;
  }

  /** What the pool said of itself. */
  get pool(): PoolInfo {
    return this.#open.pool;
  }

  /** The largest payload that goes within a message. */
  get inlineBytesMax(): number {
    const limit = this.#ground?.pool.limits['inlineBytesMax'] || LIMITS.inlineBytesMax;
    return this.#ground?.plane.transport === 'socket' ? limit : Math.min(INLINE_BYTES, limit);
  }

  /** Waits until the session is open. Rejects with what stands against it. */
  async ready(): Promise<void> {
    await this.connection.accepted;
    if (this.#obstacle !== null) {
      this.connection.close(this.#obstacle);
      throw this.#obstacle;
    }
  }

  /**
   * Joins as a member. Before the session is open, JOIN goes out with HELLO. A name that is in use
   * is asked for again: each time the pool looks whether its holder's process has died.
   */
  async join(name: string, info: ValueMap, options: WaitOptions): Promise<Seat> {
    const endMs = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    for (const pauseMs of NAME_PAUSES_MS) {
      try {
        return await this.#joinOnce(name, info, options);
      } catch (error) {
        const isTaken = error instanceof AttaccaError && error.code === 'name-in-use';
        if (!isTaken || performance.now() + pauseMs > endMs) throw error;
        await pause(pauseMs, options.signal);
      }
    }
    return await this.#joinOnce(name, info, options);
  }

  async #joinOnce(name: string, info: ValueMap, options: WaitOptions): Promise<Seat> {
    const what = `join as "${name}"`;
    throwIfAborted(what, options.signal);
    const { connection } = this;
    const room = connection.room();
    if (room !== null) await room;
    const member = connection.members.take();
    const call = new Call<Seat>(
      1,
      (code, reader) => {
        if (code !== MESSAGE.welcome) throw wrongState(what, `the pool answered ${code}`);
        return new Seat(this, member, readWelcome(reader));
      },
      (seat) => seat.abandon(),
    );
    try {
      const number = connection.post(call, 1, (w) => writeJoin(w, member, name, info));
      const seat = await waiting(connection, call, { number, what }, options);
      if (seat === undefined) throw wrongState(what, 'the pool sent no WELCOME');
      return seat;
    } catch (error) {
      if (call.isAnswered) connection.members.release(member);
      throw error;
    }
  }

  #onAccept(address: Address, accept: Accept, pool: PoolInfo): void {
    const { connection } = this;
    const link = new DataLink({
      // The next process of the pool may listen elsewhere.
      open: () => openDataLink(address, (connection.pool ?? pool).data),
      accept: () => accept,
      back: () => connection.back(),
    });
    try {
      const plane = new DataPlane(accept.poolId, pool, this.options.transport, link);
      this.#ground = { pool, plane, leases: new Leases(this.connection, plane) };
    } catch (error) {
      this.#obstacle = asAttaccaError(error);
    }
  }

  get #open(): Ground {
    if (this.#ground === null) throw wrongState('use the pool', 'it is not open');
    return this.#ground;
  }
}

/**
 * How long a pool that is lost is waited for: one that is kept is served again by hand, perhaps, so
 * as long as anything is waited for that nobody has said more of.
 */
function patienceMs(pool: PoolInfo | null): number {
  return pool?.kept === true ? LIMITS.deadlineDefaultMs : RECONNECT_MS;
}

/** Waits so long, or until the signal fires; whoever goes on looks at the signal. */
function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
  });
}

async function openLink(
  address: Address,
  tokenAddress: Address,
  signal?: AbortSignal,
): Promise<{ link: Link; token: string }> {
  const token = tokenOf(tokenAddress);
  // Whoever gets a link sets its handlers in the turn in which it comes: a refusal may be behind it
  // already. So the file is read before; should connecting fail too, that is the failure to tell.
  await token.catch(() => {});
  const link = await connect(address, { signal });
  try {
    return { link, token: await token };
  } catch (error) {
    link.destroy();
    throw error;
  }
}

/** Connects to the first address for data that answers; all take the token of the pool. */
async function openDataLink(
  control: Address,
  addresses: readonly string[],
): Promise<{ link: Link; token: string }> {
  const all = addresses.map(parseAddress);
  // Where the control connection goes by TCP, a path of the other host means nothing here.
  const usable = control.kind === 'tcp' ? all.filter(({ kind }) => kind === 'tcp') : all;
  let failure: unknown = wrongState('move bytes', 'the pool has no data connections');
  for (const address of usable) {
    try {
      return await openLink(address, control);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
