import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { MESSAGE } from './codes.js';
import { endBody, writeHeader, writeWhole } from './message.js';

/** 0x20 LEASE: memory to write to. */
export class Lease {
  size = 0;
  least = 0;
  /** `HANDLE_NONE` for none. */
  handle = 0;
  deadline = 0;
}

export function readLease(r: Reader, into: Lease): void {
  into.size = r.u64();
  into.least = r.u64();
  into.handle = r.u32();
  into.deadline = r.u32();
  endBody(r);
}

export function writeLease(
  w: Writer,
  size: number,
  least: number,
  handle: number,
  deadline: number,
): void {
  writeHeader(w, MESSAGE.lease, 24);
  w.u64(size);
  w.u64(least);
  w.u32(handle);
  w.u32(deadline);
}

/** 0x21 RETURN: a range of leased bytes. */
export class Return {
  slab = 0;
  offset = 0;
  size = 0;
}

export function readReturn(r: Reader, into: Return): void {
  into.slab = r.u32();
  into.offset = r.u64();
  into.size = r.u64();
  endBody(r);
}

export function writeReturn(w: Writer, slab: number, offset: number, size: number): void {
  writeHeader(w, MESSAGE.return, 20);
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
}

/** 0x22 ADOPT: a file that becomes a slab. */
export interface Adopt {
  readonly kind: 'adopt';
  readonly file: string;
  readonly size: number;
}

const FILE_BYTES_MAX = 255;

/** The plain name of a file, as it may stand in a directory. */
function checkFile(file: string): void {
  if (!file.startsWith('adopt-') || file.length > FILE_BYTES_MAX || /[/\0]/u.test(file)) {
    refuse('bad-argument', 'Cannot adopt: the file is no plain name that begins with "adopt-"');
  }
}

export function readAdopt(r: Reader): Adopt {
  const file = r.text();
  checkFile(file);
  const size = r.u64();
  endBody(r);
  return { kind: 'adopt', file, size };
}

export function writeAdopt(w: Writer, file: string, size: number): void {
  checkFile(file);
  writeWhole(w, MESSAGE.adopt, () => {
    w.text(file);
    w.u64(size);
  });
}
