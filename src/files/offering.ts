import { basename } from 'node:path';
import type { OfferItem } from '../client/batch-offer.js';
import type { Attributes, ObjectOptions, OfferOptions, WaitOptions } from '../client/options.js';
import type { Pool } from '../client/pool.js';
import { throwIfAborted } from '../client/waiting.js';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { firstTwice } from '../core/first-twice.js';
import { type Space, spaceBytes } from '../core/space.js';
import type { Skipped } from './format.js';
import { encodeHeader, type FileHeader, HEADER_VERSION } from './header.js';
import { Former, holdFor, together, withdrawOwn } from './replacing.js';
import { roomFor, type Wanted } from './room.js';

export interface ImportOptions extends Omit<OfferOptions, 'keep'>, WaitOptions {
  /** Left out: told by how the file begins. */
  readonly format?: string | undefined;
  /** Of the file; its variables are `name/variable`. Left out: that of the file, unextended. */
  readonly name?: string | undefined;
  /** Names each object by what its attributes will be, instead. */
  readonly nameOf?: ((attributes: Attributes) => string) | undefined;
  /** Variables that are wanted, or numbers of messages; left out: all. */
  readonly only?: readonly string[] | undefined;
  /** What all of the objects have besides. */
  readonly attributes?: Attributes | undefined;
  /** GRIB: what is decoded, as float32, not the messages. Needs ecCodes: `library-unavailable`. */
  readonly values?: boolean | undefined;
  /**
   * Whether the bytes of the file are kept, too, where objects alone do not give them again: those
   * of HDF5, and with `values` of GRIB. Left out: of files up to 64 MiB.
   */
  readonly original?: boolean | undefined;
  /**
   * Ends what the pool keeps under these names, once all of the file has been read; `first`: before
   * that, so that there need not be memory for both. What fails then leaves neither.
   */
  readonly replace?: boolean | 'first' | undefined;
  /** With `replace: true`: all has been read, and nothing ends yet. What it throws ends it. */
  readonly onRead?: (() => Promise<void>) | undefined;
  /** Hears, before anything is read, that memory is waited for. */
  readonly onWanted?: ((wanted: Wanted) => void) | undefined;
  /** Tells what would be imported, and changes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Hears how many bytes are to be imported, and then of each piece that is. */
  readonly onBytes?: ((bytes: number, expected: number) => void) | undefined;
}

/** An object that was made of a part of a file. */
export interface ImportedObject {
  readonly name: string;
  readonly space: Space;
  readonly bytes: number;
}

export interface ImportedFile {
  readonly format: string;
  /** The object that tells what the file was, by which it can be exported; null: there is none. */
  readonly header: string | null;
  /** The object that has the bytes of the file; null: they are not kept by themselves. */
  readonly original: string | null;
  readonly objects: readonly ImportedObject[];
  /** What of the file became no object, with why. */
  readonly skipped: readonly Skipped[];
}

/** Objects up to this size are offered together: so many, and so many bytes. */
const SMALL_BYTES_MAX = 64 * 1024;
const BATCH_MAX = 512;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

/** What is at hand of a file before anything is offered. */
export interface ToImport {
  readonly name: string;
  readonly space: Space;
  readonly attributes: Attributes;
  /** Fills the object's memory, which may be the pool's own. */
  fill(into: Uint8Array, done: (bytes: number) => void): Promise<void>;
}

/** The object that tells what a file was. */
export function headerObject(
  name: string,
  header: FileHeader,
  path: string,
  attributes: Attributes,
  options: ImportOptions,
): ToImport {
  const bytes = encodeHeader(header);
  return {
    name,
    space: { dtype: 'uint8', shape: [bytes.length], order: 'row', byteOrder: 'little' },
    attributes: {
      ...{ ...attributes, 'file.header': HEADER_VERSION, 'file.format': header.format },
      ...{ file: basename(path), ...options.attributes },
    },
    async fill(into, done) {
      into.set(bytes);
      done(bytes.length);
    },
  };
}

interface Offering extends ImportOptions {
  readonly path: string;
  readonly skipped: readonly Skipped[];
  readonly format: string;
  /** The objects that tell of the file: its bytes, if they are kept, and its header. */
  readonly telling?: { readonly original: ToImport | null; readonly header: ToImport };
}

/** Offers what is at hand, in this order, and then what tells of the file; all or none. */
export async function offerAll(
  pool: Pool,
  parts: readonly ToImport[],
  { path, skipped, format, telling, ...options }: Offering,
): Promise<ImportedFile> {
  const { original = null, header = null } = telling ?? {};
  // By themselves, as those of a batch need not come in its order: what is told of is there before.
  const last = [original, header].filter((each) => each !== null);
  const all = [...parts, ...last];
  mustDiffer(all, path);
  const sizes = all.map(({ space }) => spaceBytes(space));
  const expected = sizes.reduce((sum, size) => sum + size, 0);
  const objects = parts.map(({ name, space }, at) => ({ name, space, bytes: sizes[at] as number }));
  const told = { header: header?.name ?? null, original: original?.name ?? null };
  const imported = { format, ...told, objects, skipped };
  if (options.dryRun === true) return imported;
  const runs = [...batches(parts, sizes), ...last.map((each) => [each])];
  const replaces = options.replace === true || options.replace === 'first';
  // One object comes, or does not, by itself.
  await using _hold = replaces || all.length > 1 ? await holdFor(pool, path, all) : null;
  const offered: string[] = [];
  const former = replaces ? await Former.of(pool, all) : null;
  const isAtOnce = options.replace === true && former !== null;
  const bytes = sizesInSlabs(sizes);
  let wanted = await roomFor(pool, path, bytes, isAtOnce ? sizesInSlabs(former.sizes) : 0);
  if (former !== null && !isAtOnce) {
    await allMayBe(pool, all);
    await former.end();
    wanted = await roomFor(pool, path, bytes, 0);
  }
  if (wanted !== null) options.onWanted?.(wanted);
  options.onBytes?.(0, expected);
  const done = (bytes: number): void => options.onBytes?.(bytes, expected);
  const filled = async (run: readonly ToImport[]): Promise<Filled> => {
    throwIfAborted(`import "${path}"`, options.signal);
    const [only] = run;
    const isAlone = run.length === 1 && only !== undefined;
    return isAlone ? await fillOne(pool, only, options, done) : await fillSmall(pool, run, done);
  };
  try {
    if (isAtOnce) await replaceAll(pool, runs, filled, offered, { ...options, former });
    else {
      for (const run of runs) {
        await using one = await filled(run);
        await one.offer(options, offered);
      }
    }
  } catch (error) {
    // What has taken the place of another one stays: nothing would be there.
    const added = offered.filter((name) => !isAtOnce || former.versionOf(name) === null);
    // What cannot be withdrawn now has lost the pool, and that is the error.
    await Promise.allSettled(added.map((name) => withdrawOwn(pool, name)));
    throw isAtOnce ? halfReplaced(error, offered.length - added.length, all.length) : error;
  }
  return imported;
}

/** Small ones travel in messages, of which the pool keeps a book by itself. */
function sizesInSlabs(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => (size > SMALL_BYTES_MAX ? sum + size : sum), 0);
}

type Fill = (run: readonly ToImport[]) => Promise<Filled>;

/** Of one that did not come to its end: what has become of the others. */
function halfReplaced(error: unknown, replaced: number, count: number): unknown {
  if (replaced === 0 || !(error instanceof AttaccaError)) return error;
  const others = `${replaced} of ${count} objects are replaced, the others as they were`;
  const message = `${error.message}; ${others}`;
  return new AttaccaError(error.code, message, { ...error.fields, replaced }, { cause: error });
}

/**
 * Offers what is new in the place of what the pool keeps under the names: of each the former ends
 * in the step in which the new one is let in, and stays when that is forbidden. All that can fail
 * by the file, by what is said of its parts, or by those who offer the same names, does so before
 * anything ends: for so long there is memory of both. The former header goes when the first of its
 * objects is another one, and the new one comes last: none stands by what it does not tell of.
 */
async function replaceAll(
  pool: Pool,
  runs: readonly (readonly ToImport[])[],
  fill: Fill,
  offered: string[],
  { former, ...options }: ImportOptions & { readonly former: Former },
): Promise<void> {
  const ready: Filled[] = [];
  try {
    await allMayBe(pool, runs.flat());
    for (const run of runs) ready.push(await fill(run));
    throwIfAborted('replace what was imported', options.signal);
    await options.onRead?.();
    await former.mustBeSame();
    // From here on it is not ended by the signal: half of it would be there.
    const { signal: _, ...unending } = options;
    for (let one = ready[0]; one !== undefined; one = ready[0]) {
      await one.offer(unending, offered, former);
      ready.shift();
      await one[Symbol.asyncDispose]();
      if (ready.length === runs.length - 1 && ready.length > 0) await former.endLast();
    }
  } catch (error) {
    if (offered.length > 0) await Promise.allSettled([former.endLast()]);
    throw error;
  } finally {
    await Promise.all(ready.map((one) => one[Symbol.asyncDispose]()));
  }
}

async function allMayBe(pool: Pool, all: readonly ToImport[]): Promise<void> {
  await together(all, ({ name, space, attributes }) => mayBe(pool, name, { space, attributes }));
}

/** Lets the pool refuse what no object can be: a name, a space, attributes. */
async function mayBe(pool: Pool, name: string, options: ObjectOptions): Promise<void> {
  await using object = pool.object(name, options);
  await object.seal();
}

/** Large ones by themselves; small ones that follow each other together, as they cost messages. */
function* batches(all: readonly ToImport[], sizes: readonly number[]): Generator<ToImport[]> {
  let batch: ToImport[] = [];
  let bytes = 0;
  for (const [at, each] of all.entries()) {
    const size = sizes[at] as number;
    const isFull = batch.length >= BATCH_MAX || bytes + size > BATCH_BYTES_MAX;
    if (batch.length > 0 && (isFull || size > SMALL_BYTES_MAX)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    if (size > SMALL_BYTES_MAX) yield [each];
    else {
      batch.push(each);
      bytes += size;
    }
  }
  if (batch.length > 0) yield batch;
}

/** Objects whose bytes are all at hand. */
interface Filled extends AsyncDisposable {
  /** `offered` hears the name of each that was; `former`: what they are to replace. */
  offer(options: ImportOptions, offered: string[], former?: Former): Promise<void>;
}

async function fillSmall(
  pool: Pool,
  run: readonly ToImport[],
  done: (bytes: number) => void,
): Promise<Filled> {
  const items: OfferItem[] = [];
  for (const { name, space, attributes, fill } of run) {
    const data = new Uint8Array(spaceBytes(space));
    await fill(data, done);
    items.push({ name, space, attributes, data });
  }
  return {
    async offer({ lifetimeMs, durability, timeoutMs, signal }, offered, former) {
      await former?.mustBeSame(run);
      const failures = new Map<number, AttaccaError>();
      await pool.offerMany(items, {
        ...{ keep: true, lifetimeMs, durability, timeoutMs, signal },
        replace: former !== undefined,
        onFailure: ({ index, error }) => failures.set(index, error),
      });
      for (const [at, { name }] of run.entries()) if (!failures.has(at)) offered.push(name);
      const [first] = failures.values();
      if (first !== undefined) throw first;
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function fillOne(
  pool: Pool,
  { name, space, attributes, fill }: ToImport,
  { timeoutMs, signal }: ImportOptions,
  done: (bytes: number) => void,
): Promise<Filled> {
  const object = pool.object(name, { space, attributes });
  const end = (): Promise<void> => object[Symbol.asyncDispose]();
  try {
    await object.allocate({ timeoutMs, signal });
    await fill(object.bytes, done);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    async offer({ lifetimeMs, durability, timeoutMs: waitMs, signal: ends }, offered, former) {
      await former?.mustBeSame([{ name }]);
      await object.offer({
        ...{ keep: true, lifetimeMs, durability, timeoutMs: waitMs, signal: ends },
        replace: former !== undefined,
      });
      offered.push(name);
    },
    [Symbol.asyncDispose]: end,
  };
}

function mustDiffer(all: readonly ToImport[], path: string): void {
  const name = firstTwice(all.map((each) => each.name));
  if (name === null) return;
  refuse('bad-name', `Cannot import "${path}": two of its parts would be "${name}"`, { name });
}
