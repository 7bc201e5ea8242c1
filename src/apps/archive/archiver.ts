import { resolve } from 'node:path';
import type {
  Delivered,
  Pool,
  RequireAllOptions,
  RequiredAll,
  ValueMap,
} from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { parseSelector } from '../../core/selector/parser.js';
import { quoted } from '../../core/selector/printer.js';
import { Timestamp } from '../../core/value.js';
import type { Level, LevelDurability, LevelEntry } from '../../levels/level.js';
import { openStore } from '../../levels/store/index.js';
import { ending, pause } from '../pause.js';
import { ARCHIVE, placeFor, storedAttributes } from './place.js';

/** What {@link archiver} is told. */
export interface ArchiverOptions {
  /** The directory of the store; it is made when it is not there. */
  readonly to: string;
  /** Which objects; left out: all. */
  readonly select?: string | undefined;
  /** `snapshot` (the default): what is offered now, then what comes; `now`: only what comes. */
  readonly from?: 'now' | 'snapshot' | undefined;
  /**
   * A name, by which a later archiver goes on where this one has stopped: what comes meanwhile
   * stays required, and so in memory, until then. Archivers of one name share what comes.
   */
  readonly name?: string | undefined;
  /** Ends what is kept under its name. */
  readonly forget?: boolean | undefined;
  /** `complete`: ends when all that others have promised is closed, and all that came is stored. */
  readonly until?: 'complete' | undefined;
  /** What an object must survive before it counts as stored. Default `fsync`. */
  readonly durability?: LevelDurability | undefined;
  /** What becomes of an object while the disk is full: it waits (the default), or is given up. */
  readonly whenFull?: 'wait' | 'drop' | undefined;
  /** How long it waits for room. Default ten minutes. */
  readonly timeoutMs?: number | undefined;
  /** So many are written at the same time, with one sync. Default 16. */
  readonly ahead?: number | undefined;
  /** Ends after so many. */
  readonly count?: number | undefined;
  /** Whether what this member itself offers is stored, too. Default false. */
  readonly ownOffers?: boolean | undefined;
  /** Takes no more; what is being written comes to its end. */
  readonly signal?: AbortSignal | undefined;
  /** When it stands: what is offered from then on is stored. */
  readonly onReady?: (() => void) | undefined;
  readonly onStored?: ((stored: Archived) => void) | undefined;
  /** One cannot be stored. `again`: it waits for room, and so do others. */
  readonly onFailure?: ((failure: ArchiveFailure) => void) | undefined;
}

/** An object that is in the store. */
export interface Archived {
  readonly name: string;
  readonly version: number;
  readonly attributes: ValueMap;
  readonly bytes: number;
  /** The version that it has in the store. */
  readonly storedAs: number;
  /** Whether the store had it already, byte for byte, and nothing was written. */
  readonly wasThere: boolean;
}

export interface ArchiveFailure {
  readonly name: string;
  /** 0: it was lost before it came. */
  readonly version: number;
  readonly error: AttaccaError;
  readonly again: boolean;
}

/** How it went. */
export interface ArchiverSummary {
  readonly objects: number;
  readonly bytes: number;
  /** Those that the store had already. */
  readonly known: number;
  readonly failed: number;
  readonly seconds: number;
}

const AHEAD = 16;
const FULL_MS = 600_000;
const RETRY_MS = 100;
const RETRY_MS_MAX = 2_000;
/** What is wrong with one object, and not with the store. */
const OF_ONE: ReadonlySet<string> = new Set(['too-large', 'size-mismatch', 'disk-full']);

/**
 * Stores each object that matches. The pool requires it for the archiver at the moment of its
 * offer, so that its producer may withdraw it at once and leave; no offer waits for it. What is
 * stored is tagged with `archive.path`, `archive.version` and `archive.at`. What the store has
 * already, byte for byte, is not written again: so after a crash each object is there once.
 *
 * An object that cannot be stored is told, by `onFailure` and as an event `archiver.failed`, and
 * the others go on.
 *
 * Errors: `store-in-use`, `not-a-store`; those of `pool.requireAll`; `file-error` and the like when
 * the store fails: what was not stored then comes to the next archiver of this name.
 *
 * ```ts
 * const { objects } = await archiver(pool, { to: '/data/archive', select: 'param = "t"', signal });
 * ```
 */
export async function archiver(pool: Pool, options: ArchiverOptions): Promise<ArchiverSummary> {
  // One that cannot be read leaves no store behind.
  parseSelector(options.select ?? 'true');
  await using store = await openStore(resolve(options.to), { access: 'write' });
  return await archiveTo(pool, store, options);
}

/** Of one that is run by another program, which has its own say in what is stored. */
interface ArchiveToOptions extends ArchiverOptions {
  /** Why one is not to be stored: it fails with that. Null: it is. */
  readonly whyNot?:
    | ((of: Pick<Delivered, 'name' | 'attributes'>) => AttaccaError | null)
    | undefined;
}

/** As {@link archiver}, to a store that is open. */
export async function archiveTo(
  pool: Pool,
  store: Level,
  options: ArchiveToOptions,
): Promise<ArchiverSummary> {
  return await new Archiver(pool, store, options).run();
}

class Archiver {
  readonly #pool: Pool;
  readonly #store: Level;
  readonly #path: string;
  readonly #options: ArchiveToOptions;
  readonly #counts = { objects: 0, bytes: 0, known: 0, failed: 0 };
  /** What is being stored of a name: its versions follow one another. */
  readonly #byName = new Map<string, Promise<void>>();
  /** Not stored when it all ends: they are no more to count as done. */
  readonly #left: Delivered[] = [];
  readonly #stop = ending();
  #isFull = false;
  #fatal: unknown = null;

  constructor(pool: Pool, store: Level, options: ArchiveToOptions) {
    this.#pool = pool;
    this.#store = store;
    this.#path = resolve(options.to);
    this.#options = options;
  }

  async run(): Promise<ArchiverSummary> {
    const { signal, forget = false, onReady, select = 'true' } = this.#options;
    const stop = (): void => this.#stop.abort(signal?.reason);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    const startedMs = performance.now();
    const all = await this.#pool.requireAll(select, this.#asked());
    try {
      onReady?.();
      await this.#takeAll(all);
    } finally {
      signal?.removeEventListener('abort', stop);
      await Promise.all(this.#byName.values());
      await all.close({ forget });
      // Behind the close: so they come to the next archiver of this name.
      for (const view of this.#left.splice(0)) await view.dispose();
    }
    if (this.#fatal !== null) throw this.#fatal;
    return { ...this.#counts, seconds: (performance.now() - startedMs) / 1_000 };
  }

  #asked(): RequireAllOptions & { own?: false } {
    const { from, name, until, ownOffers, count = AHEAD } = this.#options;
    const ahead = Math.min(this.#options.ahead ?? AHEAD, count);
    return {
      ...{ from, until, ownOffers, ahead, group: name, acknowledge: true },
      ...{ timeoutMs: Number.POSITIVE_INFINITY, signal: this.#stop.signal },
      onFailure: (error, of) => this.#failed(of, 0, error),
    };
  }

  async #takeAll(all: RequiredAll<Delivered>): Promise<void> {
    const { count = Number.POSITIVE_INFINITY } = this.#options;
    for (let taken = 0; taken < count; taken++) {
      const view = await all.next().catch((error: unknown) => {
        if (this.#stop.signal.aborted) return null;
        throw error;
      });
      if (view === null) return;
      const { name } = view;
      const before = this.#byName.get(name) ?? Promise.resolve();
      const storing = before
        .then(() => this.#take(view))
        .finally(() => {
          if (this.#byName.get(name) === storing) this.#byName.delete(name);
        });
      this.#byName.set(name, storing);
    }
  }

  /** Never rejects: what ends all is noted. */
  async #take(view: Delivered): Promise<void> {
    try {
      if (this.#fatal !== null) this.#left.push(view);
      else await this.#keep(view);
    } catch (error) {
      this.#left.push(view);
      this.#fatal ??= error;
      this.#stop.abort(error);
    }
  }

  async #keep(view: Delivered): Promise<void> {
    const { name, version, attributes, size } = view;
    const refused = this.#options.whyNot?.(view) ?? null;
    if (refused !== null) {
      this.#failed(name, version, refused);
      await view.dispose();
      return;
    }
    try {
      const place = await placeFor(this.#store, this.#pool.poolName, view);
      if (!place.wasThere && !(await this.#put(view, place.version))) {
        this.#left.push(view);
        return;
      }
      await this.#tag(view, place.version);
      this.#counts.objects += place.wasThere ? 0 : 1;
      this.#counts.bytes += place.wasThere ? 0 : size;
      this.#counts.known += place.wasThere ? 1 : 0;
      const { version: storedAs, wasThere } = place;
      this.#options.onStored?.({ name, version, attributes, bytes: size, storedAs, wasThere });
    } catch (error) {
      if (!(error instanceof AttaccaError && OF_ONE.has(error.code))) throw error;
      this.#failed(name, version, error);
    }
    await view.dispose();
  }

  /** Writes it; false when it all ends before there is room. */
  async #put(view: Delivered, version: number): Promise<boolean> {
    const { whenFull = 'wait', timeoutMs = FULL_MS, durability = 'fsync' } = this.#options;
    const entry: Omit<LevelEntry, 'size'> = {
      ...{ pool: this.#pool.poolName, name: view.name, version, space: view.whole },
      attributes: { ...storedAttributes(view.attributes), [ARCHIVE.at]: now() },
    };
    const until = performance.now() + timeoutMs;
    for (let ms = RETRY_MS; ; ms = Math.min(2 * ms, RETRY_MS_MAX)) {
      try {
        await this.#store.put(entry, view.unsafeBytes(), { durability });
        this.#isFull = false;
        return true;
      } catch (error) {
        if (!(error instanceof AttaccaError && error.code === 'disk-full')) throw error;
        if (whenFull === 'drop' || performance.now() + ms > until) throw error;
        if (this.#stop.signal.aborted) return false;
        if (!this.#isFull) this.#tell({ name: view.name, version, error, again: true });
        this.#isFull = true;
        // When it all ends it is tried once more.
        await pause(ms, this.#stop.signal);
      }
    }
  }

  /** Of this version alone: one that is gone, or another one by now, has none. */
  async #tag({ name, version }: Delivered, storedAs: number): Promise<void> {
    const tags = { [ARCHIVE.path]: this.#path, [ARCHIVE.version]: storedAs, [ARCHIVE.at]: now() };
    const selector = `name = ${quoted(name)} and .version = ${version}`;
    await this.#pool.tagSelected(selector, tags).catch((error: unknown) => {
      // It is stored; that the pool refuses to say so changes nothing.
      if (!(error instanceof AttaccaError)) throw error;
    });
  }

  #failed(name: string, version: number, error: AttaccaError): void {
    this.#counts.failed++;
    this.#tell({ name, version, error, again: false });
  }

  #tell(failure: ArchiveFailure): void {
    this.#options.onFailure?.(failure);
    const { name, version, error, again } = failure;
    const { code, message } = error;
    const said = { object: name, version, path: this.#path, code, why: message, again };
    this.#pool.emit('archiver.failed', said).catch(() => {
      // The pool is gone, or takes no more: then what is next says so.
    });
  }
}

function now(): Timestamp {
  return new Timestamp(BigInt(Date.now()) * 1_000_000n);
}
