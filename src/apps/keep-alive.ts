import type { ObjectVersion, Pool, PoolObject, WaitOptions } from '../client/index.js';
import { AttaccaError } from '../core/errors.js';

/** What {@link keepAlive} is told. */
export interface KeepAliveOptions extends WaitOptions {
  /** The object whose offer ends it. */
  readonly until: string;
  /** `wait`: go on waiting for `until` when nobody will offer it any more. Default `fail`. */
  readonly whenNobody?: 'fail' | 'wait' | undefined;
  /** Called once for each object that is held, when it is there. */
  readonly onHeld?: ((object: ObjectVersion) => void) | undefined;
}

/** How it went. */
export interface KeptAlive {
  /** What was held, as far as it was offered meanwhile. */
  readonly held: readonly ObjectVersion[];
  /** What has ended it. */
  readonly until: ObjectVersion;
}

/**
 * Holds a require on objects until another one is offered: so their bytes stay, and who offered
 * them may withdraw, leave or end. They may be required before they are there. Resolves when
 * `until` is offered, and the requires are taken back.
 *
 * Errors: `nobody-will-offer` of `until`, naming who had promised it, or of an object to be held;
 * `object-deleted` or `object-lost` of one that is held; `deadline-passed` with who is waited for;
 * `aborted`. Nothing is held any more then.
 *
 * ```ts
 * await keepAlive(pool, 'restart/12', { until: 'restart/13', timeoutMs: Infinity });
 * ```
 */
export async function keepAlive(
  pool: Pool,
  names: string | readonly string[],
  options: KeepAliveOptions,
): Promise<KeptAlive> {
  const { until, timeoutMs, whenNobody = 'fail', signal, onHeld } = options;
  const objects = (typeof names === 'string' ? [names] : names).map((name) => pool.object(name));
  if (objects.length === 0) {
    throw new AttaccaError('bad-argument', 'Cannot keep nothing alive: say which objects');
  }
  const over = new AbortController();
  const ends = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const held: ObjectVersion[] = [];
  const requires = objects.map((object) => object.require({ whenNobody: 'wait' }));
  try {
    await Promise.all(requires);
    const waiting = { timeoutMs, whenNobody, signal: ends };
    const failure = Promise.all(
      objects.map(async ({ name }) => {
        const version = await pool.wait(name, waiting);
        held.push(version);
        onHeld?.(version);
      }),
    ).then(() => new Promise<never>(() => {}));
    const came = pool.wait(until, waiting);
    const gone = untilGone(pool, objects, ends);
    // Those that are not first are ended below, and are nobody's business then.
    for (const each of [failure, came, gone]) each.catch(() => {});
    return { held, until: await Promise.race([came, failure, gone]) };
  } finally {
    over.abort();
    await Promise.allSettled(requires);
    await Promise.all(objects.map(retract));
  }
}

/** Rejects when one of the objects is deleted by force, or lost with its memory. */
async function untilGone(
  pool: Pool,
  objects: readonly PoolObject[],
  signal: AbortSignal,
): Promise<never> {
  const names = objects.map(({ name }) => JSON.stringify(name)).join(', ');
  const kinds = ['delete', 'lost'];
  // It may be this very member that deletes it.
  const select = `name in [${names}]`;
  await using events = await pool.subscribe({ kinds, select, own: true });
  const event = await events.wait({ signal });
  if (event === null) return await new Promise(() => {});
  const { kind, name, version, member } = event;
  const by = kind === 'delete' && member !== '' ? ` by ${member}` : '';
  const code = kind === 'delete' ? 'object-deleted' : 'object-lost';
  const what = kind === 'delete' ? 'it was deleted' : 'its memory is gone';
  const fields = { name, version, member };
  throw new AttaccaError(code, `Cannot keep "${name}": ${what}${by}`, fields);
}

/** Takes a require back; one that has failed meanwhile, or never was, is none. */
async function retract(object: PoolObject): Promise<void> {
  if (object.state === 'required') await object.retract().catch(() => {});
}
