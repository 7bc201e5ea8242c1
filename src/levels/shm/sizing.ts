import { formatBytes } from '../../core/format-bytes.js';
import { LIMITS } from '../../core/limits.js';

export { formatBytes };

const MiB = 1024 * 1024;

/** Below this a pool has no slabs: payloads within messages and the socket do as well. */
export const SLABS_BYTES_MIN = 16 * MiB;
/** A file system smaller than this (a container's /dev/shm has 64 MiB) is loudly complained of. */
const TINY_BYTES = 256 * MiB;
/** Without a wish, a pool takes one in this many of the bytes that are free. */
const SHARE = 2;
/** A wish may take nearly all: the rest keeps the host's other programs alive. */
const WISH_SHARE_MAX = 0.9;

/** What one directory offers. */
export interface DirectoryFacts {
  readonly directory: string;
  /**
   * `memory`: tmpfs or ramfs, whose pages are RAM. `disk`: pages are written back by the kernel.
   */
  readonly medium: 'memory' | 'disk';
  readonly totalBytes: number;
  /** Free for this user. */
  readonly freeBytes: number;
}

/** What the host and the control group around this process leave. */
export interface MachineFacts {
  readonly totalBytes: number;
  /** Available without swapping (MemAvailable). */
  readonly availableBytes: number;
  /** The tightest limit of the control groups around us; null: none. */
  readonly cgroupLimitBytes: number | null;
  /** What is left under that limit, reclaimable file pages counted as free; null: no limit. */
  readonly cgroupLeftBytes: number | null;
}

export interface MemoryFacts {
  readonly machine: MachineFacts;
  readonly preferred: DirectoryFacts;
  /** Taken when `preferred` is too small. Null: none, or the user named the directory. */
  readonly fallback: DirectoryFacts | null;
}

interface MemoryWish {
  /** What the user asked for (`--memory`). */
  readonly bytes?: number | undefined;
}

/** `kind` is stable; `message` is for humans and says how to mend it. */
interface MemoryWarning {
  readonly kind: 'shm-tiny' | 'slabs-on-disk' | 'wish-reduced' | 'no-slabs';
  readonly message: string;
}

/**
 * `none`: no slabs; objects travel inside messages and over the socket, in the manager's memory.
 */
export type MemoryDecision =
  | {
      readonly kind: 'slabs';
      readonly directory: string;
      readonly medium: 'memory' | 'disk';
      readonly bytes: number;
      readonly reason: string;
      readonly warnings: readonly MemoryWarning[];
    }
  | {
      readonly kind: 'none';
      readonly bytes: 0;
      readonly reason: string;
      readonly warnings: readonly MemoryWarning[];
    };

interface Ceiling {
  readonly bytes: number;
  /** The words for it: "the 12.0 GiB free in /dev/shm". */
  readonly words: string;
}

/** The least of what the directory, the machine and the control group leave. */
function ceilingOf(directory: DirectoryFacts, machine: MachineFacts): Ceiling {
  const inDirectory = {
    bytes: directory.freeBytes,
    words: `the ${formatBytes(directory.freeBytes)} free in ${directory.directory}`,
  };
  // A disk's pages leave memory under pressure, so what is in use now does not bound them; but a
  // pool larger than memory would only page.
  const onDisk = directory.medium === 'disk';
  const memoryBytes = onDisk ? machine.totalBytes : machine.availableBytes;
  const inMemory = {
    bytes: memoryBytes,
    words: `the ${formatBytes(memoryBytes)} of memory ${onDisk ? 'in this host' : 'available'}`,
  };
  const limit = machine.cgroupLimitBytes;
  const left = onDisk ? limit : machine.cgroupLeftBytes;
  const inGroup =
    limit === null || left === null
      ? null
      : { bytes: left, words: `the ${formatBytes(left)} left of the cgroup limit` };
  let least: Ceiling = inDirectory;
  if (inMemory.bytes < least.bytes) least = inMemory;
  if (inGroup !== null && inGroup.bytes < least.bytes) least = inGroup;
  return { bytes: Math.max(0, Math.floor(least.bytes)), words: least.words };
}

function besides(directory: DirectoryFacts, machine: MachineFacts): string {
  const limit = machine.cgroupLimitBytes;
  const group = `cgroup limit ${limit === null ? 'none' : formatBytes(limit)}`;
  return directory.medium === 'disk' ? `on disk, ${group}` : group;
}

const roundDown = (bytes: number): number => bytes - (bytes % MiB);
const BYTES_MAX = LIMITS.slabsMax * LIMITS.slabBytesMax;

interface Offer {
  readonly bytes: number;
  readonly reason: string;
  readonly warnings: readonly MemoryWarning[];
}

function offerOf(directory: DirectoryFacts, machine: MachineFacts, wish: MemoryWish): Offer {
  const ceiling = ceilingOf(directory, machine);
  const aside = besides(directory, machine);
  if (wish.bytes === undefined) {
    const bytes = Math.min(roundDown(Math.floor(ceiling.bytes / SHARE)), BYTES_MAX);
    const reason = `${formatBytes(bytes)}: half of ${ceiling.words} (${aside})`;
    return { bytes, reason, warnings: [] };
  }
  const wished = Math.min(Math.max(MiB, roundDown(wish.bytes)), BYTES_MAX);
  const most = roundDown(Math.floor(ceiling.bytes * WISH_SHARE_MAX));
  if (wished <= most) {
    const bytes = wished;
    return {
      bytes,
      reason: `${formatBytes(bytes)}: as asked, of ${ceiling.words} (${aside})`,
      warnings: [],
    };
  }
  const reason =
    `${formatBytes(most)}: nine tenths of ${ceiling.words}, ` +
    `less than the ${formatBytes(wish.bytes)} asked for (${aside})`;
  return { bytes: most, reason, warnings: [{ kind: 'wish-reduced', message: reason }] };
}

const MEND =
  'Give it more: `--shm-dir DIR` (a directory on a larger tmpfs), or in a container ' +
  '`docker run --shm-size=4g`';

/**
 * How much memory a pool takes, where, and why. Pure. Half of the least of what is free in the
 * directory, available in the host and left under the control group's limit; or what the user
 * wishes, up to nine tenths of that. A directory with too little (a container's /dev/shm) is left
 * for the fall-back, slabs on disk: still mapped, still without copies, but written back by the
 * kernel; without one that is better, slabs are small, or there are none. Each says so.
 * Throws RangeError for a wish that is not a positive number.
 */
export function decideMemory(facts: MemoryFacts, wish: MemoryWish = {}): MemoryDecision {
  if (wish.bytes !== undefined && !(wish.bytes >= 1 && Number.isFinite(wish.bytes))) {
    throw new RangeError(`Cannot take ${wish.bytes} bytes of memory: not a positive number`);
  }
  const { preferred, fallback, machine } = facts;
  const first = offerOf(preferred, machine, wish);
  // A small pool on purpose is no reason to complain.
  const enough = Math.min(TINY_BYTES / SHARE, wish.bytes ?? Number.POSITIVE_INFINITY);
  if (first.bytes >= Math.max(enough, SLABS_BYTES_MIN)) return slabs(preferred, first, []);

  const second = fallback === null ? null : offerOf(fallback, machine, wish);
  const better = second !== null && second.bytes > first.bytes && second.bytes >= SLABS_BYTES_MIN;
  const little = `${preferred.directory} has only ${formatBytes(preferred.freeBytes)} free`;
  const tiny: MemoryWarning = {
    kind: 'shm-tiny',
    message: `${little}. ${MEND}`,
  };
  if (better && fallback !== null) {
    const message =
      fallback.medium === 'disk'
        ? `${little}: slabs are files in ${fallback.directory}, which the kernel writes to disk. ` +
          `${MEND}`
        : `${little}: slabs are in ${fallback.directory}. ${MEND}`;
    const why: MemoryWarning = { kind: 'slabs-on-disk', message };
    return slabs(fallback, second, fallback.medium === 'disk' ? [why] : [{ ...tiny, message }]);
  }
  if (first.bytes >= SLABS_BYTES_MIN) {
    // The directory may be roomy and the host or the cgroup short: no --shm-dir mends that.
    const small = preferred.freeBytes < TINY_BYTES;
    return slabs(preferred, first, small ? [tiny] : []);
  }
  const reason =
    `0 B: ${formatBytes(first.bytes)} in ${preferred.directory} is too little for shared memory; ` +
    `objects go over the socket (${besides(preferred, machine)})`;
  const none: MemoryWarning = { kind: 'no-slabs', message: `${reason}. ${MEND}` };
  return { kind: 'none', bytes: 0, reason, warnings: [...first.warnings, none] };
}

function slabs(
  { directory, medium }: DirectoryFacts,
  { bytes, reason, warnings }: Offer,
  more: readonly MemoryWarning[],
): MemoryDecision {
  return { kind: 'slabs', directory, medium, bytes, reason, warnings: [...warnings, ...more] };
}
