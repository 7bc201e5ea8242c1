import { badUsage } from '../settings.js';

const SIZE = /^([0-9]+)([kmgt]?)$/iu;
const UNITS = ['', 'k', 'm', 'g', 't'];

/** Bytes of a size as people write it: `512m`, `2g`. */
export function parseSize(text: string, flag: string): number {
  const [, digits, unit] = SIZE.exec(text) ?? [];
  const bytes = Number(digits) * 1024 ** UNITS.indexOf((unit ?? '').toLowerCase());
  if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw badUsage(`Cannot take "${flag} ${text}": a size is a number with k, m, g or t, as in 512m`);
}
