import { resolve } from 'node:path';
import type { Pool } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { parseSelector } from '../../core/selector/parser.js';
import { openStore } from '../../levels/store/index.js';
import { type Archived, type ArchiverOptions, archiveTo } from './archiver.js';
import { type LibrarianOptions, lendFrom } from './librarian.js';
import { belongingOf, CHECKPOINT, type CompleteStep, Steps } from './steps.js';

/** What {@link checkpoint} is told. */
export interface CheckpointOptions
  extends Pick<ArchiverOptions, 'to' | 'select' | 'name' | 'forget' | 'until' | 'durability'>,
    Pick<ArchiverOptions, 'whenFull' | 'timeoutMs' | 'signal' | 'onReady' | 'onStored'>,
    Pick<LibrarianOptions, 'promise' | 'onLent'> {
  /** So many complete steps stay in the store. Default 2. */
  readonly keep?: number | undefined;
  /** Ends after so many steps have become complete. */
  readonly count?: number | undefined;
  /** A step is stored, all of it. */
  readonly onComplete?: ((step: CompleteStep) => void) | undefined;
  /** One that cannot be stored, or lent. `again`: it waits for room. */
  readonly onFailure?:
    | ((failure: { name: string; error: AttaccaError; again: boolean }) => void)
    | undefined;
}

/** How it went. */
export interface CheckpointSummary {
  /** Steps that have become complete. */
  readonly steps: number;
  readonly objects: number;
  readonly bytes: number;
  readonly lent: number;
  readonly failed: number;
  /** The last complete step in the store. */
  readonly last: CompleteStep | null;
}

const KEEP = 2;

/**
 * Archiver and librarian of objects with an attribute `checkpoint`, the number of a step, and
 * `checkpoint.of`, of how many objects that step is. A step is complete when so many of its
 * objects, by their names, are in the store: nothing else counts, so it is known from the store
 * alone, and after any crash. The last `keep` complete steps stay; what is older goes. Of each step
 * that becomes complete the pool is told `checkpoint.complete`, with `step`, `objects`, `bytes`.
 *
 * Who requires an object that nobody offers has it of the last complete step, never of one that is
 * not: so a program that has crashed goes on where all of it was. As another step may become
 * complete at any time, who needs several asks for `NAME@STEP`. Programs that do not make the same
 * bits again set `checkpoint.run`, other in each life: only objects of one run make a step.
 *
 * Errors: those of `archiver` and `librarian`.
 *
 * ```ts
 * await checkpoint(pool, { to: '/data/restart', keep: 3, signal });
 * ```
 */
export async function checkpoint(
  pool: Pool,
  options: CheckpointOptions,
): Promise<CheckpointSummary> {
  const { keep = KEEP, to, promise, onLent, onReady, onFailure } = options;
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new RangeError(`Cannot keep ${keep} steps: a whole number from 1 on`);
  }
  parseSelector(options.select ?? 'true');
  await using store = await openStore(resolve(to), { access: 'write' });
  const steps = await Steps.of(store);
  await steps.prune(keep);
  const over = new AbortController();
  const noting = new Noting(pool, steps, options, () => over.abort());
  const signal =
    options.signal === undefined ? over.signal : AbortSignal.any([options.signal, over.signal]);
  const lending = lendFrom(pool, store, steps, {
    ...{ from: to, promise, onLent, signal },
    onFailure: ({ name, error }) => onFailure?.({ name, error, again: false }),
  });
  lending.catch((error: unknown) => over.abort(error));
  const { select } = options;
  const isCheckpoint = `has ${CHECKPOINT.step}`;
  const archiving = archiveTo(pool, store, {
    ...{ ...options, signal, onReady, onFailure, count: undefined },
    select: select === undefined ? isCheckpoint : `(${select}) and ${isCheckpoint}`,
    onStored: (stored) => noting.note(stored),
    whyNot: noCheckpoint,
  });
  const [archived] = await Promise.allSettled([archiving.finally(() => over.abort())]);
  const { lent, failed } = await lending;
  if (archived.status === 'rejected') throw archived.reason;
  await noting.end();
  const { objects, bytes } = archived.value;
  return {
    ...{ steps: noting.steps, objects, bytes, lent, last: steps.last },
    failed: failed + noting.failed + archived.value.failed,
  };
}

/**
 * The last complete step that the store in a directory keeps; null when there is none. Needs no
 * pool, and goes beside who writes to it.
 */
export async function lastCheckpoint(directory: string): Promise<CompleteStep | null> {
  await using store = await openStore(resolve(directory), { access: 'read' });
  return (await Steps.of(store)).last;
}

/** Why an object is no part of a step; null: it is one. */
function noCheckpoint({ name, attributes }: Pick<Archived, 'name' | 'attributes'>) {
  if (belongingOf(attributes) !== null) return null;
  const { step, of } = CHECKPOINT;
  const said = (key: string): string => {
    const value = attributes[key];
    return value === undefined ? `has no ${key}` : `has ${key} = ${String(value)}`;
  };
  const why = `it needs ${step}, a step, and ${of}, how many objects the step has, both whole`;
  const text = `Cannot take "${name}" for a checkpoint: ${why}; it ${said(step)} and ${said(of)}`;
  return new AttaccaError('bad-argument', text, { name });
}

/** Notes what is stored, one after the other. */
class Noting {
  readonly #pool: Pool;
  readonly #index: Steps;
  readonly #options: CheckpointOptions;
  readonly #onEnough: () => void;
  #last: Promise<void> = Promise.resolve();
  #fatal: { readonly error: unknown } | null = null;
  steps = 0;
  failed = 0;

  constructor(pool: Pool, index: Steps, options: CheckpointOptions, onEnough: () => void) {
    this.#onEnough = onEnough;
    this.#pool = pool;
    this.#index = index;
    this.#options = options;
  }

  note(stored: Archived): void {
    this.#options.onStored?.(stored);
    this.#last = this.#last
      .then(() => this.#note(stored))
      .catch((error: unknown) => this.#notNoted(stored.name, error));
  }

  async end(): Promise<void> {
    await this.#last;
    if (this.#fatal !== null) throw this.#fatal.error;
  }

  /** What is wrong with one step is told, and the next ones go on. */
  #notNoted(name: string, error: unknown): void {
    if (error instanceof AttaccaError) {
      // What is older goes when there is room: it is tried again with the next step.
      const again = error.code === 'disk-full';
      if (!again) this.failed++;
      this.#options.onFailure?.({ name, error, again });
      return;
    }
    this.#fatal ??= { error };
    this.#onEnough();
  }

  async #note({ name, storedAs: version }: Archived): Promise<void> {
    const key = { pool: this.#pool.poolName, name, version };
    const complete = await this.#index.add(key);
    if (complete === null) return;
    this.steps++;
    this.#options.onComplete?.(complete);
    const { step, objects, bytes } = complete;
    await this.#pool
      .emit('checkpoint.complete', { step, objects: objects.length, bytes })
      .catch((error: unknown) => {
        // The pool is gone, or takes no more: then what is next says so.
        if (!(error instanceof AttaccaError)) throw error;
      });
    const { keep = KEEP, count } = this.#options;
    await this.#index.prune(keep);
    if (this.steps === count) this.#onEnough();
  }
}
