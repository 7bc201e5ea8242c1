/**
 * The most memory that a group of processes used at once, looked at a few times a second (Linux).
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const EVERY_MS = 150;
const BLOCK_BYTES = 512;

/** Memory of a process that is no file's: its heap, its stacks. 0 when it is gone. */
function anonymousBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return 1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Blocks that the files of a directory and below take; what vanishes meanwhile counts nothing. */
export function directoryBytes(directory: string): number {
  try {
    return readdirSync(directory, { withFileTypes: true }).reduce((sum, entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return sum + directoryBytes(path);
      return sum + (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES;
    }, 0);
  } catch {
    return 0;
  }
}

export interface MemoryWatchOptions {
  readonly pids: () => readonly (number | undefined)[];
  /** A directory whose files are memory: of slabs, or of files on a tmpfs. */
  readonly directory: string | undefined;
}

export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #peakBytes = 0;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** Ends the watch. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#peakBytes;
  }

  #look(): void {
    const { pids, directory } = this.#options;
    const own = pids().reduce<number>(
      (sum, pid) => sum + (pid === undefined ? 0 : anonymousBytes(pid)),
      0,
    );
    const shared = directory === undefined ? 0 : directoryBytes(directory);
    this.#peakBytes = Math.max(this.#peakBytes, own + shared);
  }
}
