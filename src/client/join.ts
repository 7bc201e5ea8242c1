import { AttaccaError } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import { CallTrace } from './call-trace.js';
import type { ClientOptions } from './client.js';
import { connectMsOf } from './connect-ms.js';
import { type TransportChoice, transportChoice } from './data-plane.js';
import { checkOptions } from './known-options.js';
import type { WaitOptions } from './options.js';
import { Pool } from './pool.js';
import { PoolView } from './pool-view.js';
import { Clients, type Tenancy } from './tenancy.js';

/** How to reach a pool. */
export interface ConnectOptions {
  /**
   * `unix:/path` or `tcp://host:port`, with `?token=...` or `?token-file=...`; else `ATTACCA_POOL`.
   */
  readonly address?: string | undefined;
  /** The id of the pool that is meant; another one is refused with `wrong-pool`. */
  readonly poolId?: string | undefined;
  /** How bytes move; else `ATTACCA_TRANSPORT`; `auto` takes shared memory where it can. */
  readonly transport?: TransportChoice | undefined;
  /**
   * How long a lost connection is tried again before everything fails: 30 s, and ten minutes when
   * the pool is kept on a disk, so that it may be served again.
   */
  readonly reconnectMs?: number | undefined;
  /**
   * How long a pool at which nobody listens, or that is gone before it has answered, is tried, as
   * it may be about to be served; else `ATTACCA_CONNECT_MS`; else 0: it fails at once.
   */
  readonly connectMs?: number | undefined;
}

export interface JoinOptions extends ConnectOptions, WaitOptions {
  /** `component` or `component[index]`; `component[*]` takes the lowest index that is free. */
  readonly member: string;
  /** What the member wants to be seen with; `command`: what it runs, if its process does more. */
  readonly info?: ValueMap | undefined;
}

/** A member that is there for so long will need memory: it is readied while nothing is due. */
const IDLE_MS = 20;

// The one state of this module: a process has one connection to a pool, whoever in it joins, and
// one file in which its calls are noted.
const clients = new Clients();
const callTrace = new CallTrace();

/**
 * Joins a pool as a member. One round trip; members of one process share its connection. The
 * connection keeps the process alive only while a call waits for an answer: a script that forgets
 * to leave ends when it has nothing else to do, and has then crashed for the pool.
 *
 * Errors: `pool-unreachable`, `wrong-token`, `wrong-pool`, `version-mismatch`, `name-in-use`,
 * `bad-name`, `pool-stopping`.
 *
 * ```ts
 * await using pool = await join({ member: 'model[0]' });
 * ```
 */
export async function join(options: JoinOptions): Promise<Pool> {
  const asked: Partial<JoinOptions> = options ?? {};
  if (typeof asked.member !== 'string') {
    throw new AttaccaError('bad-argument', 'Cannot join: say as whom, { member: "model[0]" }');
  }
  checkOptions('join', `join as ${asked.member}`, options);
  callTrace.begin(process.env['ATTACCA_TRACE']);
  const tenancy = clients.enter(clientOptions(options));
  const { client } = tenancy;
  try {
    const joining = client.join(options.member, options.info ?? {}, options);
    await openWith(tenancy, joining);
    const seat = await joining;
    setTimeout(() => void client.prepare(), IDLE_MS).unref();
    return new Pool(tenancy, seat);
  } catch (error) {
    await tenancy.release();
    throw error;
  }
}

/**
 * Connects to a pool without being a member: to look, and for what needs none (tags, delete,
 * unkeep, stop). Errors as of {@link join}.
 */
export async function connect(options: ConnectOptions = {}): Promise<PoolView> {
  checkOptions('connect', 'connect', options);
  const tenancy = clients.enter(clientOptions(options));
  try {
    await openWith(tenancy, Promise.resolve());
    return new PoolView(tenancy);
  } catch (error) {
    await tenancy.release();
    throw error;
  }
}

/** Lets JOIN go out with HELLO; waits for both answers. */
async function openWith(tenancy: Tenancy, joining: Promise<unknown>): Promise<void> {
  if (tenancy.isFirst) tenancy.client.connection.start();
  await Promise.all([tenancy.client.ready(), joining]);
}

function clientOptions(options: ConnectOptions): ClientOptions {
  const address = options.address ?? process.env['ATTACCA_POOL'] ?? '';
  if (address === '') {
    throw new AttaccaError(
      'bad-argument',
      'Cannot join: neither an address nor ATTACCA_POOL says where the pool is',
    );
  }
  return {
    address,
    poolId: options.poolId ?? '',
    transport: transportChoice(options.transport, process.env['ATTACCA_TRANSPORT']),
    reconnectMs: options.reconnectMs,
    connectMs: connectMsOf(options.connectMs, process.env['ATTACCA_CONNECT_MS']),
    checks: process.env['ATTACCA_CHECK'] === '1',
  };
}
