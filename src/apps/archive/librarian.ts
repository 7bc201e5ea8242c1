import { resolve } from 'node:path';
import { isForbidden } from '../../client/forbidden.js';
import type { Pool, PoolEvent, PoolObject, Subscription, ValueMap } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { Slots } from '../../core/slots.js';
import type { Level, LevelEntry } from '../../levels/level.js';
import { openStore } from '../../levels/store/index.js';
import { ending, pause } from '../pause.js';
import { ARCHIVE } from './place.js';
import { Shelf } from './shelf.js';

/** What {@link librarian} is told. */
export interface LibrarianOptions {
  /** The directory of the store. */
  readonly from: string;
  /**
   * How long an object stays offered for others who may need it. Default 0: those have it who have
   * required it by then, and nobody's own offer of that name finds it in its way.
   */
  readonly keepMs?: number | undefined;
  /** How long one that was asked for by an event `prefetch` stays offered. Default one minute. */
  readonly prefetchMs?: number | undefined;
  /** So many are read at the same time. Default 8. */
  readonly atOnce?: number | undefined;
  /** Globs of names that it promises until it ends: requires of them wait, whoever has left. */
  readonly promise?: readonly string[] | undefined;
  /** How long one object may wait for memory of the pool. */
  readonly timeoutMs?: number | undefined;
  /** Ends after so many. */
  readonly count?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** When it stands: what is required from then on is looked for. */
  readonly onReady?: (() => void) | undefined;
  readonly onLent?: ((lent: Lent) => void) | undefined;
  /** One that the store should have cannot be read, or offered, or what ends its offer. */
  readonly onFailure?: ((failure: LendFailure) => void) | undefined;
  /** A hint was of no use. */
  readonly onMissed?: ((missed: MissedHint) => void) | undefined;
}

export interface LendFailure {
  readonly name: string;
  readonly error: AttaccaError;
  /** `withdraw`: it stays offered; `close`: so does the promise of that name stay open. */
  readonly of: 'offer' | 'withdraw' | 'close';
}

/** A hint that brought nothing: a name of which there is nothing, or the hint itself. */
export interface MissedHint {
  /** Empty: the hint named nothing. */
  readonly name: string;
  /** Who gave it. */
  readonly member: string;
  readonly why: string;
}

/** An object that was offered out of the store. */
export interface Lent {
  readonly name: string;
  /** The version that it has in the store, and the pool that it was stored from. */
  readonly version: number;
  readonly pool: string;
  readonly bytes: number;
  /** Whether it was asked for by a hint. */
  readonly isPrefetch: boolean;
  /** From when it was asked for until it was offered. */
  readonly seconds: number;
}

/** How it went. */
export interface LibrarianSummary {
  readonly lent: number;
  readonly bytes: number;
  readonly failed: number;
  /** Hints, or names of hints, that were of no use: of each it was said once. */
  readonly missed: number;
}

const PREFETCH_MS = 60_000;
const AT_ONCE = 8;

/**
 * Offers what is required, not offered, and kept in a store: its newest version, with attributes
 * and tags, and `archive.path` and `archive.version`. The bytes are compared with their checksums
 * before; what is damaged is told, also as an event `librarian.failed`, and is not offered.
 * An offer ends at once, or when `keepMs` are over, and its memory is free when all who have
 * required it have read it; for who requires it later it is offered again.
 *
 * An event `prefetch` that a member emits, with `names` or a selector `select`, is a hint of what
 * will be required. Several librarians do no harm: the first one to offer an object does.
 *
 * Errors: `not-a-store`; those of `pool.subscribe`.
 *
 * ```ts
 * await librarian(pool, { from: '/data/archive', signal });
 * ```
 */
export async function librarian(pool: Pool, options: LibrarianOptions): Promise<LibrarianSummary> {
  await using store = await openStore(resolve(options.from), { access: 'read' });
  return await lendFrom(pool, store, await Shelf.of(store, pool.poolName), options);
}

/** Who knows what there is. */
interface Finder {
  /** What is to be offered under a name. */
  find(name: string): Promise<LevelEntry | null>;
  /** Names. */
  select(selector: string): Promise<ReadonlySet<string>>;
  /** Called when there is more to find: what was required, and not there, may be there now. */
  onMore: (() => void) | null;
}

/** As {@link librarian}, from a store that is open. */
export async function lendFrom(
  pool: Pool,
  store: Level,
  shelf: Finder,
  options: LibrarianOptions,
): Promise<LibrarianSummary> {
  return await new Librarian(pool, store, shelf, options).run();
}

class Librarian {
  readonly #pool: Pool;
  readonly #store: Level;
  readonly #shelf: Finder;
  readonly #path: string;
  readonly #options: LibrarianOptions;
  readonly #slots: Slots;
  readonly #counts = { lent: 0, bytes: 0, failed: 0, missed: 0 };
  /** Names that are being looked for, or offered; true: somebody required it meanwhile. */
  readonly #active = new Map<string, boolean>();
  readonly #lending = new Map<string, Promise<void>>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = ending();
  #fatal: unknown = null;

  constructor(pool: Pool, store: Level, shelf: Finder, options: LibrarianOptions) {
    this.#pool = pool;
    this.#store = store;
    this.#shelf = shelf;
    this.#path = resolve(options.from);
    this.#options = options;
    this.#slots = new Slots(options.atOnce ?? AT_ONCE);
  }

  async run(): Promise<LibrarianSummary> {
    const { signal, onReady, promise: globs = [] } = this.#options;
    const stop = (): void => this.#stop.abort(signal?.reason);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    const events = await this.#pool.subscribe({
      kinds: ['require', 'prefetch'],
      // What is not offered has none; nor have events that members emit.
      select: 'not has .version',
    });
    const promise = globs.length === 0 ? null : await this.#pool.promise(...globs);
    this.#shelf.onMore = () => this.#run(this.#lookAtWaits());
    try {
      await this.#lookAtWaits();
      onReady?.();
      await this.#follow(events);
    } finally {
      this.#shelf.onMore = null;
      signal?.removeEventListener('abort', stop);
      this.#stop.abort();
      await promise?.close().catch((error: unknown) => {
        // It ends with this member.
        if (!isForbidden(error)) throw error;
        this.#failed(globs.join(' '), error, 'close');
      });
      await events.close();
      while (this.#running.size > 0) await Promise.all(this.#running);
    }
    if (this.#fatal !== null) throw this.#fatal;
    return { ...this.#counts };
  }

  /** What was required before it began. The pool tells so many; others when those are served. */
  async #lookAtWaits(seen = new Set<string>()): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { waits } = await this.#pool.explain();
    const rows = Array.isArray(waits) ? (waits as readonly ValueMap[]) : [];
    const names = rows.map((wait) => wait['object']).filter(isText);
    const fresh = names.filter((name) => !seen.has(name));
    for (const name of fresh) {
      seen.add(name);
      this.#begin(name);
    }
    if (rows.length < LIMITS.explainRowsMax || fresh.length === 0) return;
    const served = Promise.allSettled(fresh.map((name) => this.#lending.get(name)));
    this.#run(served.then(() => this.#lookAtWaits(seen)));
  }

  async #follow(events: Subscription): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const event = await events.wait({ signal }).catch((error: unknown) => {
        if (signal.aborted) return null;
        throw error;
      });
      if (event === null) return;
      if (event.kind === 'require') this.#begin(event.name);
      else if (event.kind === 'prefetch') this.#run(this.#prefetch(event));
    }
  }

  async #prefetch({ attributes, member }: PoolEvent): Promise<void> {
    const { names = [], select } = attributes;
    const asked = (Array.isArray(names) ? names : [names]).filter(isText);
    try {
      const selected = typeof select === 'string' ? await this.#shelf.select(select) : [];
      const wanted = [...asked, ...selected];
      // A hint does nothing wrong; who gives one that is of no use is to hear of it.
      if (wanted.length === 0) {
        const why = typeof select === 'string' ? 'it selects nothing' : 'no "names", no "select"';
        this.#missed({ name: '', member, why });
      }
      for (const name of wanted) this.#begin(name, member);
    } catch (error) {
      this.#failed(`prefetch of ${member}`, error);
    }
  }

  /** `hint`: who has hinted at it; null: it is required. */
  #begin(name: string, hint: string | null = null): void {
    if (this.#active.has(name)) {
      if (hint === null) this.#active.set(name, true);
      return;
    }
    this.#active.set(name, false);
    const lending = this.#lendAll(name, hint).finally(() => {
      this.#active.delete(name);
      this.#lending.delete(name);
    });
    this.#lending.set(name, lending);
    this.#run(lending);
  }

  #run(work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return;
        this.#fatal ??= error;
        this.#stop.abort(error);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** As often as somebody has required it when its offer had ended. */
  async #lendAll(name: string, hint: string | null): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      this.#active.set(name, false);
      if (!isFirst && !(await this.#isAwaited(name))) return;
      if (!(await this.#lend(name, isFirst ? hint : null))) return;
      if (this.#active.get(name) !== true || this.#stop.signal.aborted) return;
    }
  }

  async #isAwaited(name: string): Promise<boolean> {
    const { offered, waits } = await this.#pool.explain(name).catch((error: unknown) => {
      if (error instanceof AttaccaError && error.code === 'unknown-object') return {} as ValueMap;
      throw error;
    });
    return offered === null && Array.isArray(waits) && waits.length > 0;
  }

  /** Offers it once; false when it cannot be had from here. */
  async #lend(name: string, hint: string | null): Promise<boolean> {
    const startedMs = performance.now();
    const isPrefetch = hint !== null;
    const entry = await this.#find(name);
    if (entry === null && isPrefetch) {
      this.#missed({ name, member: hint, why: 'it is not in the store' });
    }
    // What cannot be found for another reason has been told.
    if (entry === null || entry === undefined) return false;
    await this.#slots.take();
    const {
      keepMs = 0,
      prefetchMs = PREFETCH_MS,
      count = Number.POSITIVE_INFINITY,
    } = this.#options;
    const staysMs = isPrefetch ? prefetchMs : keepMs;
    let object: PoolObject | null = null;
    try {
      object = await this.#read(entry, name);
      if (!(await this.#offer(object, staysMs))) object = null;
    } catch (error) {
      await object?.dispose().catch(() => {});
      object = null;
      if (!(error instanceof AttaccaError) || this.#stop.signal.aborted) throw error;
      if (error.code !== 'already-offered') this.#failed(name, error);
    } finally {
      this.#slots.give();
    }
    if (object === null) return false;
    const { version, pool, size: bytes } = entry;
    const seconds = (performance.now() - startedMs) / 1_000;
    this.#counts.lent++;
    this.#counts.bytes += bytes;
    this.#options.onLent?.({ name, version, pool, bytes, isPrefetch, seconds });
    if (this.#counts.lent >= count) this.#stop.abort();
    if (staysMs > 0) {
      await pause(staysMs, this.#stop.signal);
      this.#run(this.#withdraw(object));
    }
    return true;
  }

  /** One that may not be withdrawn stays, and is told. */
  async #withdraw(object: PoolObject): Promise<void> {
    try {
      await object.withdraw({ timeoutMs: Number.POSITIVE_INFINITY });
    } catch (error) {
      if (!isForbidden(error)) throw error;
      this.#failed(object.name, error, 'withdraw');
    }
  }

  /**
   * Returns when it is offered; of one that does not stay that has ended again. False: nobody needs
   * it any more, as another was faster.
   */
  async #offer(object: PoolObject, staysMs: number): Promise<boolean> {
    const { timeoutMs } = this.#options;
    if (staysMs > 0) {
      await object.offer({ timeoutMs });
      return true;
    }
    if (!(await this.#isAwaited(object.name))) {
      await object.dispose();
      return false;
    }
    // Nobody's own offer of that name must find it in its way.
    const handing: { failure: unknown; isTaken: boolean } = { failure: null, isTaken: false };
    const ended = object
      .handOver({ timeoutMs: Number.POSITIVE_INFINITY })
      .catch(async (error: unknown) => {
        handing.failure = error;
        if (!handing.isTaken) return;
        // A subscriber has held it, and has forbidden it when all thought that it is offered.
        await object.dispose().catch(() => {});
        if (isForbidden(error)) this.#failed(object.name, error);
      });
    // It ends when all have read it. What is refused is answered before what is asked behind it.
    await this.#isAwaited(object.name);
    if (handing.failure !== null) throw handing.failure;
    handing.isTaken = true;
    this.#run(ended);
    return true;
  }

  /** Null: there is none; undefined: it has failed. */
  async #find(name: string): Promise<LevelEntry | null | undefined> {
    try {
      return await this.#shelf.find(name);
    } catch (error) {
      this.#failed(name, error);
      return undefined;
    }
  }

  /** Reads it into memory of the pool, and compares it with its checksum. */
  async #read(entry: LevelEntry, as: string): Promise<PoolObject> {
    const { pool, name, version, size, space } = entry;
    const { timeoutMs } = this.#options;
    const told = { [ARCHIVE.path]: this.#path, [ARCHIVE.version]: version };
    const attributes = { ...entry.attributes, ...told };
    const object = this.#pool.object(as, { attributes, space });
    if (size === 0) return object;
    try {
      await object.allocate({ timeoutMs, signal: this.#stop.signal });
      const found = await this.#store.get({ pool, name, version }, object.bytes);
      if (found !== null) return object;
      const why = 'it is not in the store any more';
      throw new AttaccaError('unknown-object', `Cannot offer "${name}": ${why}`, { name });
    } catch (error) {
      await object.dispose().catch(() => {});
      throw error;
    }
  }

  #missed(hint: MissedHint): void {
    this.#counts.missed++;
    this.#options.onMissed?.(hint);
  }

  #failed(name: string, error: unknown, of: LendFailure['of'] = 'offer'): void {
    if (!(error instanceof AttaccaError)) throw error;
    this.#counts.failed++;
    this.#options.onFailure?.({ name, error, of });
    const { code, message } = error;
    const said = { object: name, path: this.#path, code, why: message };
    this.#pool.emit('librarian.failed', said).catch(() => {
      // The pool is gone, or takes no more: then what is next says so.
    });
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
