import { AttaccaError } from '../../core/errors.js';
import type { ByteSource } from '../bytes.js';
import { Turns } from '../turns.js';

/** A message as it lies in a file. */
interface GribMessage {
  readonly offset: number;
  readonly size: number;
  readonly edition: 1 | 2;
  /** Zero bytes between it and what comes next: some writers fill blocks of a disk with them. */
  readonly padding: number;
}

/** A piece of a file that is no message, with why. */
interface GribDamage {
  readonly offset: number;
  /** Bytes up to the next message that is whole, or to the end of the file. */
  readonly size: number;
  /** Number of the message that should be here, from 1, good ones and damaged ones counted. */
  readonly number: number;
  readonly why: string;
}

export interface GribScan {
  readonly messages: readonly GribMessage[];
  readonly damaged: readonly GribDamage[];
}

const MAGIC = Buffer.from('GRIB');
const END = Buffer.from('7777');
/** Section 0 of edition 2; that of edition 1 has 8 bytes. */
const SECTION_0_MAX = 16;
/** Messages mostly follow at once: a first look is short, further ones grow up to the window. */
const FIRST_LOOK_BYTES = 256;
const WINDOW_BYTES = 1024 * 1024;
/** Section 0, a product definition of 28 bytes, a data section of 11, `7777`: none is smaller. */
const MESSAGE_BYTES_MIN = 8 + 28 + 11 + 4;
/** In edition 1 this bit says that the length is in units of 120 bytes: ECMWF's large messages. */
const LARGE_BIT = 0x80_0000;
const LARGE_UNIT = 120;

/** Where `GRIB` stands next, at `from` or later; the size of the file without one. */
async function nextMagic(source: ByteSource, from: number, turns: Turns): Promise<number> {
  let look = FIRST_LOOK_BYTES;
  for (let at = from; source.size - at >= MAGIC.length; look = Math.min(look * 8, WINDOW_BYTES)) {
    const piece = Buffer.alloc(Math.min(look, source.size - at));
    source.read(at, piece);
    const found = piece.indexOf(MAGIC);
    if (found >= 0) return at + found;
    // The last three bytes can be the first of one that goes on behind the window.
    at += piece.length - MAGIC.length + 1;
    if (turns.isOver) await turns.next();
  }
  return source.size;
}

function u24(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
  );
}

/**
 * The size of a large message of edition 1. Its length counts in units of 120 bytes, and its data
 * section says by how much that is too long: where the data section begins follows from the flags
 * of the product definition. Null when the sections do not fit in the file.
 */
function largeSize(source: ByteSource, offset: number, units: number): number | null {
  const bytes = new Uint8Array(8);
  if (offset + 16 > source.size) return null;
  source.read(offset + 8, bytes);
  const flags = bytes[7] as number;
  let at = offset + 8 + u24(bytes, 0);
  for (const flag of [0x80, 0x40]) {
    if ((flags & flag) === 0) continue;
    if (at + 3 > source.size) return null;
    source.read(at, bytes.subarray(0, 3));
    at += u24(bytes, 0);
  }
  if (at + 3 > source.size) return null;
  source.read(at, bytes.subarray(0, 3));
  const rest = u24(bytes, 0);
  // A data section shorter than the unit is the remainder; else the length is what it says.
  return rest < LARGE_UNIT ? units * LARGE_UNIT - rest + 4 : units * LARGE_UNIT;
}

type Found = Omit<GribMessage, 'padding'>;

/** The message at `offset`, where `GRIB` stands, or why there is none. */
function messageAt(source: ByteSource, offset: number): Found | string {
  const start = Buffer.alloc(Math.min(SECTION_0_MAX, source.size - offset));
  if (start.length < SECTION_0_MAX) return 'the file ends within its first section';
  source.read(offset, start);
  const edition = start[7];
  let size: number | null;
  if (edition === 1) {
    const said = u24(start, 4);
    const isLarge = (said & LARGE_BIT) !== 0;
    size = isLarge ? largeSize(source, offset, said & (LARGE_BIT - 1)) : said;
    if (size === null) return 'the file ends within its sections';
  } else if (edition === 2) {
    const said = start.readBigUInt64BE(8);
    if (said > BigInt(source.size)) return `it says ${said} bytes, more than the file has`;
    size = Number(said);
  } else return `edition ${edition} of GRIB is not known`;
  if (size < MESSAGE_BYTES_MIN) return `it says ${size} bytes, too few for a message`;
  const left = source.size - offset;
  if (size > left) return `it says ${size} bytes, but the file ends after ${left}`;
  const end = Buffer.alloc(END.length);
  source.read(offset + size - END.length, end);
  if (!end.equals(END)) return `it says ${size} bytes, but does not end with 7777 there`;
  return { offset, size, edition };
}

/** Whether there are only zero bytes. */
async function isZero(
  source: ByteSource,
  from: number,
  to: number,
  turns: Turns,
): Promise<boolean> {
  const window = Buffer.alloc(Math.min(WINDOW_BYTES, to - from));
  for (let at = from; at < to; at += window.length) {
    const piece = window.subarray(0, Math.min(window.length, to - at));
    source.read(at, piece);
    if (piece.some((byte) => byte !== 0)) return false;
    if (turns.isOver) await turns.next();
  }
  return true;
}

/**
 * All messages of a file. Behind what is no message it looks for the next that is whole, so one
 * damaged message costs no other. A message counts as whole when it has a known edition, lies in
 * the file and ends with `7777` where it says: whether its sections make sense is ecCodes' to say.
 * A large file is looked through in turns of the event loop. `not-a-grib-file` when no `GRIB`
 * stands anywhere.
 */
export async function scanGrib(source: ByteSource, turns = new Turns()): Promise<GribScan> {
  const messages: GribMessage[] = [];
  const damaged: GribDamage[] = [];
  let last: Found | null = null;
  let good = 0;
  let seen = 0;
  let why: string | null = null;
  const closeGap = async (to: number): Promise<void> => {
    const isDamage = why !== null || !(await isZero(source, good, to, turns));
    if (last !== null) messages.push({ ...last, padding: isDamage ? 0 : to - good });
    if (isDamage) {
      const number = messages.length + damaged.length + 1;
      const reason = why ?? 'bytes that belong to no message';
      damaged.push({ offset: good, size: to - good, number, why: reason });
    }
    why = null;
  };
  const next = (from: number): Promise<number> => nextMagic(source, from, turns);
  for (let at = await next(0); at < source.size; at = await next(at)) {
    if (turns.isOver) await turns.next();
    seen += 1;
    const found = messageAt(source, at);
    if (typeof found === 'string') {
      why ??= found;
      at += MAGIC.length;
      continue;
    }
    await closeGap(at);
    last = found;
    at += found.size;
    good = at;
  }
  if (seen === 0) {
    const message = `Cannot read "${source.name}": no GRIB message begins in it`;
    throw new AttaccaError('not-a-grib-file', message, { file: source.name });
  }
  await closeGap(source.size);
  return { messages, damaged };
}
