import type { PoolView } from '../../client/pool-view.js';
import { AttaccaError } from '../../core/errors.js';
import type { ValueMap } from '../../core/value.js';
import { isSocketAlive } from '../../server/claim.js';
import { parseAddress } from '../../transport/index.js';
import type { Context } from '../command.js';
import { openPool } from './open.js';

interface StopOptions {
  readonly pool: string;
  /** Stop although something is still required. */
  readonly force?: boolean | undefined;
  /** How long to wait until the pool is gone. */
  readonly deadlineMs?: number | undefined;
}

const DEADLINE_MS = 30_000;
/** The socket's name goes last, a moment after the connection. */
const LOOK_AGAIN_MS = 5;

interface Stopped {
  /** What is still required, because of which the pool goes on; null when it has stopped. */
  readonly required: readonly ValueMap[] | null;
  /** It is kept on a disk, with what it keeps. */
  readonly isKept: boolean;
}

/** Asks a pool to stop, and waits until it has: until nobody answers at its address. */
export async function stopPool(context: Context, options: StopOptions): Promise<Stopped> {
  const deadline = AbortSignal.timeout(options.deadlineMs ?? DEADLINE_MS);
  const signal = AbortSignal.any([deadline, context.signal]);
  try {
    return await stopWithin({ ...context, signal }, options);
  } catch (error) {
    if (!deadline.aborted || context.signal.aborted) throw error;
    const text = 'Cannot wait on: the pool has not stopped in time';
    throw new AttaccaError('deadline-passed', text, {}, { cause: error });
  }
}

async function stopWithin(context: Context, options: StopOptions): Promise<Stopped> {
  const address = parseAddress(options.pool);
  let isKept = false;
  try {
    const asked = await ask(context, options);
    if (asked.required.length > 0) return asked;
    isKept = asked.isKept;
  } catch (error) {
    // One that stops at the word of somebody else says so, or hangs up on who comes then.
    const { code } = error instanceof AttaccaError ? error : { code: '' };
    const isStopping = code === 'pool-stopping' || code === 'connection-lost';
    if (!isStopping || address.kind !== 'unix') throw error;
  }
  while (address.kind === 'unix' && (await isSocketAlive(address.path))) {
    context.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  return { required: null, isKept };
}

/** What is still required, because of which the pool goes on; nothing when it has hung up. */
async function ask(
  context: Context,
  options: StopOptions,
): Promise<{ required: readonly ValueMap[]; isKept: boolean }> {
  const { signal } = context;
  const force = options.force === true;
  // One that has gone is not waited for.
  await using session = await openPool(context, { ...options, reconnectMs: 0, connectMs: 0 });
  const isKept = session.client.pool.kept;
  const { required } = await session.view.stop({ force, signal });
  if (required.length > 0 && !force) return { required, isKept };
  await untilClosed(session.view, { force, signal });
  return { required: [], isKept };
}

/** Asks on, until the pool hangs up with the words that it is stopping. */
async function untilClosed(
  view: PoolView,
  options: { readonly force: boolean; readonly signal: AbortSignal },
): Promise<void> {
  try {
    for (;;) await view.stop(options);
  } catch (error) {
    if (!(error instanceof AttaccaError && error.code === 'pool-stopping')) throw error;
  }
}
