import type { BigIntStats } from 'node:fs';
import { type FileHandle, lstat } from 'node:fs/promises';
import { type Attributes, Timestamp } from '../../client/index.js';
import { fileError } from '../../core/file-error.js';
import { systemCode } from '../../core/system-errors.js';
import type { Value } from '../../core/value.js';

/** What tells whether a file is as it was. */
export interface FileFacts {
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Who writes to it may set its mtime to what it was; this one nobody sets. */
  readonly ctimeNs: bigint;
  /** Another one is another file, which was moved into its place. */
  readonly inode: bigint;
  readonly isFile: boolean;
}

export async function factsOf(file: FileHandle): Promise<FileFacts> {
  return told(await file.stat({ bigint: true }));
}

/** Null when there is none. */
export async function factsAt(path: string): Promise<FileFacts | null> {
  try {
    return told(await lstat(path, { bigint: true }));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) return null;
    throw fileError('look at', path, error);
  }
}

function told(stats: BigIntStats): FileFacts {
  const { size, mtimeNs, ctimeNs, ino } = stats;
  return { size: Number(size), mtimeNs, ctimeNs, inode: ino, isFile: stats.isFile() };
}

export function isSameFile(one: FileFacts, other: FileFacts | null): boolean {
  return (
    one.size === other?.size &&
    one.mtimeNs === other.mtimeNs &&
    one.ctimeNs === other.ctimeNs &&
    one.inode === other.inode
  );
}

/** What an object says of the file that it is. */
export function attributesOfFacts(path: string, facts: FileFacts): Attributes {
  const { size, mtimeNs, ctimeNs, inode } = facts;
  return {
    ...{ 'file.path': path, 'file.size': size },
    ...{ 'file.mtime': new Timestamp(mtimeNs), 'file.ctime': new Timestamp(ctimeNs) },
    'file.inode': inode <= Number.MAX_SAFE_INTEGER ? Number(inode) : String(inode),
  };
}

/** Whether an object that says so is a file as it is now. */
export function isOfFacts(attributes: Attributes, facts: FileFacts): boolean {
  const wanted = Object.entries(attributesOfFacts('', facts));
  return wanted.every(
    ([key, value]) => key === 'file.path' || isSame(attributes[key], value as Value),
  );
}

function isSame(one: unknown, other: Value): boolean {
  if (one instanceof Timestamp && other instanceof Timestamp) {
    return one.nanoseconds === other.nanoseconds;
  }
  return one === other;
}
