import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { SpaceExpectation } from '../../core/space.js';
import { quoted } from '../format.js';
import { readNpyFile } from '../npy-file.js';
import type { PutOptions, Store } from '../pool/store.js';

/** Adopting takes 1 ms, copying 1 ms/MiB here and once more for the next program (measured). */
const ADOPT_BYTES_MIN = 512 * 1024;

/** A file that a program is to make. */
export interface Output {
  readonly name: string;
  readonly path: string;
  /** It is an .npy file, whose header tells dtype and shape. */
  readonly npy: boolean;
}

/** What a file was before the program ran, to tell whether that has made it. */
type Before = ReadonlyMap<string, BigIntStats>;

export function stateBefore(outputs: readonly Output[]): Before {
  const before = new Map<string, BigIntStats>();
  for (const { path } of outputs) {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined) before.set(path, stats);
  }
  return before;
}

/** A file that the program has made, and what it holds. */
interface Made extends Output {
  readonly size: number;
  readonly offset: number;
  readonly space: SpaceExpectation;
  /** It may become a slab itself: a plain file of one name. */
  readonly isPlain: boolean;
}

/**
 * Offers the files that a program has made. All are looked at before the first is offered: one that
 * is missing, or no .npy file where it should be, leaves the pool as it was.
 */
export async function offerOutputs(
  outputs: readonly Output[],
  before: Before,
  store: Store,
  options: PutOptions,
): Promise<void> {
  const made: Made[] = [];
  for (const output of outputs) made.push(look(output, before));
  for (const file of made) await offerFile(file, store, options);
}

function look(output: Output, before: Before): Made {
  const { path, npy } = output;
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) throw notMade(output, 'the command has not made it');
  if (!stats.isFile()) throw notMade(output, 'it is not a regular file');
  const was = before.get(path);
  if (was !== undefined && was.ino === stats.ino && was.mtimeNs === stats.mtimeNs) {
    throw notMade(output, 'it was there before, and the command has not written to it');
  }
  const link = lstatSync(path);
  const isPlain = link.isFile() && link.nlink === 1;
  const size = Number(stats.size);
  if (!npy) return { ...output, size, offset: 0, space: {}, isPlain };
  const { space, dataOffset } = readNpyFile(path, size);
  return { ...output, size, offset: dataOffset, space, isPlain };
}

function notMade({ name, path }: Output, why: string): AttaccaError {
  return new AttaccaError('file-error', `Cannot offer ${quoted(name)} from "${path}": ${why}`, {
    name,
    path,
  });
}

async function offerFile(file: Made, store: Store, options: PutOptions): Promise<void> {
  const { name, path, size, offset, space } = file;
  const object = { name, space, attributes: {} };
  const fits =
    file.isPlain &&
    size - offset >= ADOPT_BYTES_MIN &&
    size <= LIMITS.slabBytesMax &&
    offset % LIMITS.sliceAlignBytes === 0;
  if (fits && store.canAdopt(path)) {
    try {
      await store.adoptFile(object, { path, size, offset }, options);
      return;
    } catch (error) {
      // Memory that is full is waited for by a copy, which needs no file of its own.
      if (!(error instanceof AttaccaError && error.code === 'memory-full')) throw error;
    }
  }
  await store.putFile(object, { path, offset, size: size - offset }, options);
}
