import type { Attributes } from '../client/options.js';
import type { Attribute } from '../formats/dataset.js';
import { valuesOfAttributes } from './attributes.js';

/** Keys by which an import tells what an object is within its file. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  ...['dims', 'variable', 'file', 'file.header', 'file.format', 'file.original'],
]);

/** Those that tell of the file it was imported from, and of nothing else. */
const OF_FILE: readonly string[] = [
  ...['variable', 'file', 'file.path', 'file.size', 'file.mtime', 'file.ctime', 'file.inode'],
];

/** What an object, that was imported as a part of a file, says beside that. */
export function withoutFile(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !OF_FILE.includes(key)));
}

/**
 * What a file itself says, as attributes of an object. Those that are called as what an import says
 * stay with the file alone: so `dims` always are dimensions, and what tells of a file is none else.
 */
export function attributesOfFile(attributes: readonly Attribute[]): Attributes {
  return valuesOfAttributes(attributes.filter(({ name }) => !OWN_KEYS.has(name)));
}
