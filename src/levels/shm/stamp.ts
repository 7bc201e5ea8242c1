import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../core/system-errors.js';
import { fileError, refusedFile } from './file-errors.js';
import { type Mapping, mapFile } from './map.js';
import type { Libc } from './native.js';
import { STAMP_FILE } from './owner.js';

/** One page, written whole when it is made: a full tmpfs cannot take it away later. */
const STAMP_BYTES = 4_096;
const LIFE = 0;
const NUMBER = 1;

/** Who used a pool's memory last, and how far its history was then. */
export interface StampFound {
  /** The manager's; 0: nobody has used it yet. */
  readonly life: number;
  /** The last record of the journal whose outcome somebody was told. */
  readonly number: number;
}

/**
 * Says in a pool's directory of slabs which history they belong to. Slabs are newer than a journal
 * that was put back from a copy, or cut by a repair: freed bytes may have been used again since.
 */
export class Stamp {
  /** The life that had the directory before; 0: none. */
  readonly lifeBefore: number;
  readonly #mapping: Mapping;
  readonly #fields: Float64Array;

  private constructor(mapping: Mapping) {
    this.#mapping = mapping;
    this.#fields = new Float64Array(mapping.buffer, 0, 2);
    this.lifeBefore = this.#fields[LIFE] ?? 0;
  }

  /** Opens the stamp of a directory that is held; makes it when it is new. */
  static async open(directory: string, libc: Libc): Promise<Stamp> {
    const path = join(directory, STAMP_FILE);
    try {
      const flags =
        constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      const handle = await open(path, flags, 0o600);
      try {
        const stats = await handle.stat();
        if (!stats.isFile()) throw refusedFile('use', path, 'it is no plain file');
        const { size } = stats;
        if (size < STAMP_BYTES)
          await handle.write(new Uint8Array(STAMP_BYTES - size), 0, null, size);
      } finally {
        await handle.close();
      }
    } catch (cause) {
      throw fileError('create', path, cause);
    }
    return new Stamp(await mapFile(path, { access: 'read-write', size: STAMP_BYTES, libc }));
  }

  /** Costs two stores: each is whole or not there, whenever the process is killed. */
  set(life: number, number: number): void {
    // A life that is new comes with a number that is too low, never with one too high.
    if (this.#fields[LIFE] !== life) this.#fields[NUMBER] = 0;
    this.#fields[LIFE] = life;
    this.#fields[NUMBER] = number;
  }

  close(): void {
    this.#mapping.close();
  }
}

/** What a directory's stamp says, whoever holds the directory; null: there is none. */
export async function readStamp(directory: string): Promise<StampFound | null> {
  const path = join(directory, STAMP_FILE);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let handle: FileHandle;
  try {
    handle = await open(path, flags);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return null;
    throw fileError('read', path, cause);
  }
  try {
    if (!(await handle.stat()).isFile()) throw refusedFile('read', path, 'it is no plain file');
    const fields = new Float64Array(2);
    const { bytesRead } = await handle.read(new Uint8Array(fields.buffer), 0, 16, 0);
    return bytesRead < 16 ? null : { life: fields[LIFE] ?? 0, number: fields[NUMBER] ?? 0 };
  } finally {
    await handle.close();
  }
}
