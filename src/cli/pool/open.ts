import type { Client } from '../../client/client.js';
import { connectMsOf } from '../../client/connect-ms.js';
import { transportChoice } from '../../client/data-plane.js';
import { Pool } from '../../client/pool.js';
import { PoolView } from '../../client/pool-view.js';
import type { Seat } from '../../client/seat.js';
import { Clients, type Tenancy } from '../../client/tenancy.js';
import { AttaccaError } from '../../core/errors.js';
import type { ValueMap } from '../../core/value.js';
import { socketPathOf } from '../../server/place.js';
import { readTokenFile, tokenPathOf } from '../../transport/token.js';
import type { Context } from '../command.js';
import { formatDuration, parseTimeout } from '../duration.js';
import { listOf, mapOf, printable, textOf } from '../format.js';
import { Progress } from '../progress.js';

const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * The address of the pool that `--pool`, else ATTACCA_POOL, names: an address as it stands, the
 * path of a socket, or the name that a pool was started with.
 */
export function poolAddress(asked: string | undefined, environment: NodeJS.ProcessEnv): string {
  const text = asked ?? environment['ATTACCA_POOL'] ?? '';
  if (text === '') {
    throw new AttaccaError(
      'pool-unreachable',
      'Cannot tell which pool is meant: set ATTACCA_POOL, give --pool, or start one: ' +
        'eval "$(attacca start)"',
    );
  }
  if (/^(?:unix:|tcp:)/u.test(text)) return text;
  return text.startsWith('/') ? `unix:${text}` : `unix:${socketPathOf(text, environment)}`;
}

/** A session with a pool: all that a command does there, and its end. */
export class PoolSession {
  readonly client: Client;
  readonly address: string;
  readonly #tenancy: Tenancy;
  #view: PoolView;

  constructor(tenancy: Tenancy, address: string) {
    this.#tenancy = tenancy;
    this.client = tenancy.client;
    this.#view = new PoolView(tenancy);
    this.address = address;
  }

  /** What the command looks with; where it has joined, it changes things as that member. */
  get view(): PoolView {
    return this.#view;
  }

  /** From here on what is changed is changed by the member of this seat. */
  actAs(seat: Seat): void {
    this.#view = new PoolView(this.#tenancy, seat.number);
  }

  /** The pool as a program has it that is the member of this seat. */
  asMember(seat: Seat): Pool {
    return new Pool(this.#tenancy.share(), seat);
  }

  /** Idempotent. Members that have not left leave with it. */
  async close(): Promise<void> {
    await this.#tenancy.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Of a command's options, those that count before there is a session. */
interface OpenOptions {
  readonly pool: string | undefined;
  readonly timeout?: string | undefined;
  readonly quiet?: boolean | undefined;
  /** How long a lost connection is tried again; left out: as the client does. */
  readonly reconnectMs?: number | undefined;
  /** How long a pool at which nobody listens is tried; left out: as ATTACCA_CONNECT_MS says. */
  readonly connectMs?: number | undefined;
}

/**
 * The address with the token that lies beside its socket. Whatever is amiss, the connection will
 * say.
 */
function withToken(address: string): string {
  if (!address.startsWith('unix:') || address.includes('?')) return address;
  try {
    const { token } = readTokenFile(tokenPathOf({ path: address.slice('unix:'.length) }));
    return `${address}?token=${encodeURIComponent(token)}`;
  } catch {
    return address;
  }
}

function enter(context: Context, options: OpenOptions): { tenancy: Tenancy; address: string } {
  const { environment } = context;
  const address = poolAddress(options.pool, environment);
  const connectMs = connectMsOf(options.connectMs, environment['ATTACCA_CONNECT_MS']);
  const tenancy = new Clients().enter({
    // A pool that is yet to be served may have another token then.
    address: connectMs > 0 ? address : withToken(address),
    poolId: '',
    transport: transportChoice(undefined, environment['ATTACCA_TRANSPORT']),
    reconnectMs: options.reconnectMs,
    connectMs,
    checks: environment['ATTACCA_CHECK'] === '1',
  });
  return { tenancy, address };
}

/** Connects, to look. */
export async function openPool(context: Context, options: OpenOptions): Promise<PoolSession> {
  const { tenancy, address } = enter(context, options);
  const session = new PoolSession(tenancy, address);
  return await started(context, session, options, { work: Promise.resolve() }).then(() => session);
}

/** A session in which this process is a member. */
interface Joined {
  readonly session: PoolSession;
  readonly seat: Seat;
}

/**
 * Connects and joins, in one round trip. Without `member` the name is that of the command with the
 * lowest index that is free: `get[0]`. `info` is what the member says of itself.
 */
export async function joinPool(
  context: Context,
  options: OpenOptions & { readonly member?: string | undefined },
  info: ValueMap = {},
): Promise<Joined> {
  const { tenancy, address } = enter(context, options);
  const session = new PoolSession(tenancy, address);
  const name = options.member ?? `${context.command}[*]`;
  const joining = session.client.join(name, info, {});
  const seat = await started(context, session, options, { work: joining, name });
  session.actAs(seat);
  return { session, seat };
}

/** What a session begins with, and the member that it is to be. */
interface Beginning<T> {
  readonly work: Promise<T>;
  readonly name?: string;
}

/** How long the pool may take to say why. */
const WHY_MS = 1_000;

/** Whom a join waits for, where the pool has answered: `its join waits for step[0]`; or ''. */
async function whyHeld({ client, view }: PoolSession, name: string): Promise<string> {
  if (client.connection.accept === null || !client.connection.isUp) return '';
  const late = new Promise<null>((resolve) => setTimeout(resolve, WHY_MS, null).unref());
  const told = await Promise.race([view.explain(), late]).catch(() => null);
  const held = listOf(told?.['waits'])
    .map(mapOf)
    .find(({ what, object }) => what === 'held' && object === name);
  return printable(textOf(held?.['because']));
}

/**
 * Starts the connection behind what was posted on it; a failure leaves nothing open. Signals are
 * listened to while the pool answers: until then they end the process, which is as good.
 */
async function started<T>(
  context: Context,
  session: PoolSession,
  options: OpenOptions,
  { work, name = '' }: Beginning<T>,
): Promise<T> {
  // Awaited below; should the connection fail first, its failure is the one to tell.
  work.catch(() => {});
  const { connection } = session.client;
  const timeoutMs = Math.min(parseTimeout(options.timeout) ?? TIMER_MS_MAX, TIMER_MS_MAX);
  connection.start();
  const { signal } = context;
  const giveUp = (code: 'aborted' | 'deadline-passed', why: string): void => {
    connection.close(new AttaccaError(code, `Cannot open a session: ${why}`));
  };
  const onAbort = (): void => giveUp('aborted', String(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(async () => {
    const held = await whyHeld(session, name);
    const time = formatDuration(timeoutMs);
    const why = held === '' ? `no answer from the pool within ${time}` : `${held}, after ${time}`;
    giveUp('deadline-passed', why);
  }, timeoutMs);
  using _progress = new Progress(
    async (elapsedMs) => {
      const why = (await whyHeld(session, name)) || 'no answer from the pool yet';
      return `${formatDuration(elapsedMs)}: ${why}`;
    },
    options.quiet === true,
    connection,
  );
  try {
    await session.client.ready();
    return await work;
  } catch (error) {
    await session.close();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
