import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { AttaccaError } from '../core/errors.js';
import { readBack } from '../loop/read-back.js';
import { readInfo } from '../loop/read-info.js';
import { NodeDisk } from '../server/node-disk.js';
import { UsageError } from './exit.js';

type Reading = Omit<Parameters<typeof readBack>[1], 'checksum'>;
type ReadBack = NonNullable<Awaited<ReturnType<typeof readBack>>>;

/** What a directory of `--data` says: see {@link readBack}. Its manager may live. */
export async function readKept(given: string, reading: Reading): Promise<ReadBack> {
  const path = resolve(given);
  const disk = new NodeDisk(path);
  try {
    const read = await readBack(disk, { ...reading, checksum: crc32 });
    if (read !== null) return read;
    const why = 'there is no journal in it';
    throw new AttaccaError('file-error', `Cannot read "${path}": ${why}`, { path });
  } finally {
    await disk.close();
  }
}

/** The name of the pool that is kept in a directory of `--data`, or null: there is none yet. */
export async function keptName(given: string): Promise<string | null> {
  const path = resolve(given);
  if (!existsSync(path)) return null;
  const disk = new NodeDisk(path);
  try {
    return (await readInfo(disk, crc32))?.options.name ?? null;
  } finally {
    await disk.close();
  }
}

/** The words of a command that reads a journal: its directory, and what else there is. */
export function directoryIn(words: readonly string[]): {
  readonly directory: string;
  readonly rest: readonly string[];
} {
  const [directory, ...rest] = words;
  if (directory === undefined || directory === '') {
    throw new UsageError('it needs the DIR of attacca serve --data DIR');
  }
  return { directory, rest };
}

/** The number of a record; undefined when none was given. */
export function parseRecord(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d+$/u.test(text) ? Number(text) : 0;
  if (number >= 1 && Number.isSafeInteger(number)) return number;
  throw new UsageError(`"${option}" needs the number of a record, from 1 on, not "${text}"`);
}
