import type { Libc } from './native.js';

/** Linux <linux/mman.h>. */
const MADV_HUGEPAGE = 14;

/** Smaller arrays lie in memory that was used before, as often as not, and have few pages. */
const LARGE_BYTES_MIN = 4 * 1024 * 1024;

/** Addresses that are told to the kernel begin a page; a page may have 64 KiB (arm64). */
const PAGE_BYTES = 65_536;

/**
 * New bytes, all 0, of which the kernel makes large pages where it has them and does so when it is
 * asked (`madvise`, as most systems are set, and as numpy asks it to). The first touch of an
 * array is what most of its making costs: with pages of 4 KiB a quarter of a million faults a GiB.
 * Advice: whatever goes wrong, there are more pages.
 */
export function newBytes(
  libc: Libc | null,
  size: number,
  platform: NodeJS.Platform = process.platform,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  if (libc === null || size < LARGE_BYTES_MIN || platform !== 'linux') return bytes;
  const start = libc.addressOf(bytes);
  const past = Number(start % BigInt(PAGE_BYTES));
  const skipped = past === 0 ? 0 : PAGE_BYTES - past;
  const whole = size - skipped - ((size - skipped) % PAGE_BYTES);
  libc.adviseNow(start + BigInt(skipped), whole, MADV_HUGEPAGE);
  return bytes;
}
