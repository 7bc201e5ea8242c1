import { basename } from 'node:path';
import type { OfferItem } from '../client/batch-offer.js';
import type { Attributes, OfferOptions, WaitOptions } from '../client/options.js';
import type { Pool } from '../client/pool.js';
import { throwIfAborted } from '../client/waiting.js';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { type Space, spaceBytes } from '../core/space.js';
import type { Skipped } from './format.js';
import { encodeHeader, type FileHeader, HEADER_VERSION } from './header.js';

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
  /** Ends what the pool keeps under these names before. */
  readonly replace?: boolean | undefined;
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
  /** The last of the objects, if it tells of the file. */
  readonly header?: string;
}

/** Offers what is at hand, in this order; all or none. */
export async function offerAll(
  pool: Pool,
  all: readonly ToImport[],
  { path, skipped, format, header, ...options }: Offering,
): Promise<ImportedFile> {
  mustDiffer(all, path);
  const sizes = all.map(({ space }) => spaceBytes(space));
  const expected = sizes.reduce((sum, size) => sum + size, 0);
  const objects = all.map(({ name, space }, at) => ({ name, space, bytes: sizes[at] as number }));
  const told = header === undefined ? objects : objects.slice(0, -1);
  const imported = { format, header: header ?? null, objects: told, skipped };
  if (options.dryRun === true) return imported;
  const offered: string[] = [];
  const done = (bytes: number): void => options.onBytes?.(bytes, expected);
  options.onBytes?.(0, expected);
  const waiting: Ready[] = [];
  try {
    for (const some of batches(all, sizes)) {
      throwIfAborted(`import "${path}"`, options.signal);
      const one = await prepared(pool, some, options, done);
      // What is there is ended when all of the file has been read, and has its place in the pool.
      waiting.push(one);
      if (options.replace !== true) await offerThese(waiting, offered);
    }
    if (options.replace === true) await endFormer(pool, all);
    await offerThese(waiting, offered);
  } catch (error) {
    // What cannot be withdrawn now has lost the pool, and that is the error.
    await Promise.allSettled(offered.map((name) => pool.unkeep(name)));
    throw error;
  } finally {
    // Those that were not offered.
    await Promise.allSettled(waiting.map((one) => one[Symbol.asyncDispose]()));
  }
  return imported;
}

async function offerThese(waiting: Ready[], offered: string[]): Promise<void> {
  for (let one = waiting[0]; one !== undefined; one = waiting[0]) {
    await one.offer(offered);
    waiting.shift();
  }
}

/** Objects that only have to be offered. */
interface Ready extends AsyncDisposable {
  /** Names the offered ones, also when it fails. */
  offer(offered: string[]): Promise<void>;
}

async function prepared(
  pool: Pool,
  some: readonly ToImport[],
  options: ImportOptions,
  done: (bytes: number) => void,
): Promise<Ready> {
  const [only] = some;
  const isLarge = some.length === 1 && only !== undefined;
  return isLarge ? await large(pool, only, options, done) : await small(pool, some, options, done);
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

async function small(
  pool: Pool,
  some: readonly ToImport[],
  { lifetimeMs, durability, timeoutMs, signal }: ImportOptions,
  done: (bytes: number) => void,
): Promise<Ready> {
  const items: OfferItem[] = [];
  for (const { name, space, attributes, fill } of some) {
    const data = new Uint8Array(spaceBytes(space));
    await fill(data, done);
    items.push({ name, space, attributes, data });
  }
  return {
    async offer(offered) {
      const failures = new Map<number, AttaccaError>();
      await pool.offerMany(items, {
        ...{ keep: true, lifetimeMs, durability, timeoutMs, signal },
        onFailure: ({ index, error }) => failures.set(index, error),
      });
      for (const [at, { name }] of some.entries()) if (!failures.has(at)) offered.push(name);
      const [first] = failures.values();
      if (first !== undefined) throw first;
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function large(
  pool: Pool,
  { name, space, attributes, fill }: ToImport,
  { lifetimeMs, durability, timeoutMs, signal }: ImportOptions,
  done: (bytes: number) => void,
): Promise<Ready> {
  const object = pool.object(name, { space, attributes });
  try {
    await object.allocate({ timeoutMs, signal });
    await fill(object.bytes, done);
  } catch (error) {
    await object.dispose();
    throw error;
  }
  return {
    async offer(offered) {
      await object.offer({ keep: true, lifetimeMs, durability, timeoutMs, signal });
      offered.push(name);
      await object.dispose();
    },
    [Symbol.asyncDispose]: () => object[Symbol.asyncDispose](),
  };
}

/** The last first: where what tells of a file is there, all of it is. */
async function endFormer(pool: Pool, all: readonly ToImport[]): Promise<void> {
  for (const { name } of all.toReversed()) {
    try {
      await pool.unkeep(name);
    } catch (error) {
      const isNone =
        error instanceof AttaccaError &&
        (error.code === 'unknown-object' || error.code === 'wrong-state');
      if (!isNone) throw error;
    }
  }
}

function mustDiffer(all: readonly ToImport[], path: string): void {
  const seen = new Set<string>();
  for (const { name } of all) {
    if (seen.has(name)) {
      refuse('bad-name', `Cannot import "${path}": two of its parts would be "${name}"`, { name });
    }
    seen.add(name);
  }
}
