import { lstatSync } from 'node:fs';
import { basename } from 'node:path';
import { checkNameText } from '../protocol/index.js';
import { UsageError } from './exit.js';
import { quoted } from './format.js';

/** A file and the name of the object that it becomes. */
export interface PutSource {
  readonly name: string;
  readonly path: string;
}

export function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Too long for a path, or through a file: no file has that name.
    return false;
  }
}

/** Options that name the one object that is put. */
interface Naming {
  readonly name: string | undefined;
  readonly 'name-by': string | undefined;
}

/** Whether one object is put, which an option names. */
export function namesOne({ name, 'name-by': by }: Naming): boolean {
  if (name !== undefined && by !== undefined) {
    throw new UsageError('say "--name" or "--name-by", not both');
  }
  return name !== undefined || by !== undefined;
}

/**
 * FILE or NAME=FILE, split at the last `=`: names hold more of them than files do. A word that
 * names a file is one. What `--name-by` names has no name yet.
 */
export function sourcesOf(
  words: readonly string[],
  { name, 'name-by': by }: Naming,
  isFile: (path: string) => boolean,
): PutSource[] {
  if (namesOne({ name, 'name-by': by })) {
    const [path, ...more] = words;
    if (path === undefined || more.length > 0) {
      const option = name === undefined ? '--name-by' : '--name';
      throw new UsageError(`"${option}" names one object; for several say NAME=FILE`);
    }
    if (name !== undefined) checkNameText(name);
    return [{ name: name ?? '', path }];
  }
  const sources = words.map((word) => sourceOf(word, isFile));
  const seen = new Map<string, string>();
  for (const source of sources) {
    const other = seen.get(source.name);
    if (other !== undefined) {
      throw new UsageError(
        `${quoted(other)} and ${quoted(source.path)} would both be ${quoted(source.name)}; ` +
          'say NAME=FILE',
      );
    }
    seen.set(source.name, source.path);
    // Refused before anything is sent.
    checkNameText(source.name);
  }
  return sources;
}

function sourceOf(word: string, isFile: (path: string) => boolean): PutSource {
  const equals = word.lastIndexOf('=');
  if (equals <= 0 || isFile(word)) return { name: defaultName(word), path: word };
  const path = word.slice(equals + 1);
  if (path === '') throw new UsageError(`${quoted(word)} names no file behind the =`);
  return { name: word.slice(0, equals), path };
}

/** The name of a file without its directory and `.npy`. */
function defaultName(path: string): string {
  const name = basename(path);
  return name.endsWith('.npy') && name !== '.npy' ? name.slice(0, -'.npy'.length) : name;
}
