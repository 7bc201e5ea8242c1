import { AttaccaError } from '../core/errors.js';
import { checkWholeSpace, spaceBytes } from '../core/space.js';
import type {
  Level,
  LevelBytes,
  LevelEntry,
  LevelFound,
  LevelKey,
  LevelStream,
  PutOptions,
} from '../levels/level.js';

function idOf({ pool, name, version }: LevelKey): string {
  return JSON.stringify([pool, name, version]);
}

function fail(
  code: 'size-mismatch' | 'bad-argument' | 'aborted' | 'disk-full',
  why: string,
): never {
  throw new AttaccaError(code, `Cannot use a level in memory: ${why}`);
}

/**
 * A level that is a Map: for tests of what stands on levels, and the model that others are held
 * against. It keeps nothing beyond its life; `fsync` means nothing to it. `bytesMax`: then it is
 * full.
 */
export class MemoryLevel implements Level {
  readonly #objects = new Map<string, LevelFound>();
  readonly #bytesMax: number;
  #bytes = 0;
  #isClosed = false;

  constructor({ bytesMax = Number.POSITIVE_INFINITY } = {}) {
    this.#bytesMax = bytesMax;
  }

  async put(
    { pool, name, version, space, attributes }: Omit<LevelEntry, 'size'>,
    bytes: LevelBytes,
    { signal }: PutOptions = {},
  ): Promise<void> {
    this.#mustBeOpen();
    if (!(Number.isSafeInteger(version) && version > 0)) fail('bad-argument', 'no version');
    checkWholeSpace(space);
    const size = spaceBytes(space);
    const isOver = (): void => {
      if (signal?.aborted === true) fail('aborted', 'the signal says to stop');
    };
    isOver();
    const pieces: Uint8Array[] = [];
    if (bytes instanceof Uint8Array) pieces.push(bytes.slice());
    else {
      for await (const piece of bytes) {
        isOver();
        pieces.push(piece.slice());
      }
    }
    const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    if (all.length !== size) fail('size-mismatch', `${all.length} bytes, not ${size}`);
    const id = idOf({ pool, name, version });
    const before = this.#objects.get(id)?.bytes.length ?? 0;
    if (this.#bytes - before + size > this.#bytesMax) fail('disk-full', 'it is full');
    this.#bytes += size - before;
    const entry = structuredClone({ pool, name, version, space, size });
    this.#objects.set(id, { entry: { ...entry, attributes: { ...attributes } }, bytes: all });
  }

  async get(key: LevelKey, into?: Uint8Array): Promise<LevelFound | null> {
    this.#mustBeOpen();
    const found = this.#objects.get(idOf(key));
    if (found === undefined) return null;
    if (into === undefined) return { entry: found.entry, bytes: found.bytes.slice() };
    if (into.length < found.bytes.length) fail('bad-argument', 'no room for the bytes');
    into.set(found.bytes);
    return { entry: found.entry, bytes: into.subarray(0, found.bytes.length) };
  }

  async stream(key: LevelKey): Promise<LevelStream | null> {
    const found = await this.get(key);
    return found === null ? null : { entry: found.entry, blocks: blocksOf(found.bytes) };
  }

  async find(key: LevelKey): Promise<LevelEntry | null> {
    this.#mustBeOpen();
    return this.#objects.get(idOf(key))?.entry ?? null;
  }

  async has(key: LevelKey): Promise<boolean> {
    this.#mustBeOpen();
    return this.#objects.has(idOf(key));
  }

  async newest(pool: string, name: string): Promise<number | null> {
    this.#mustBeOpen();
    const versions = [...this.#objects.values()]
      .filter(({ entry }) => entry.pool === pool && entry.name === name)
      .map(({ entry }) => entry.version);
    return versions.length === 0 ? null : Math.max(...versions);
  }

  async delete(key: LevelKey): Promise<boolean> {
    this.#mustBeOpen();
    this.#bytes -= this.#objects.get(idOf(key))?.bytes.length ?? 0;
    return this.#objects.delete(idOf(key));
  }

  async *list(isWanted?: (entry: LevelEntry) => boolean): AsyncIterable<LevelEntry> {
    this.#mustBeOpen();
    for (const { entry } of [...this.#objects.values()]) {
      if (isWanted?.(entry) ?? true) yield entry;
    }
  }

  async sync(): Promise<void> {
    this.#mustBeOpen();
  }

  async capacity() {
    this.#mustBeOpen();
    const bytesFree =
      this.#bytesMax === Number.POSITIVE_INFINITY ? null : this.#bytesMax - this.#bytes;
    return { objects: this.#objects.size, bytesUsed: this.#bytes, bytesFree };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw new AttaccaError('wrong-state', 'Cannot use a level: it is closed');
  }
}

async function* blocksOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
