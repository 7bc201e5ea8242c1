import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVER_LIMITS } from './limits.js';

/** `scratch-SESSION.x` and `adopt-SESSION.x`: made beside the slabs, and removed, by a client. */
const NAME = /^(?:scratch|adopt)-(\d{1,15})\./u;

interface ScratchesOptions {
  /** That of the slabs. */
  readonly directory: string;
  /** Whether a session may have files yet. */
  readonly isOpen: (session: number) => boolean;
}

/**
 * Files that clients make beside the slabs, for programs that know nothing of pools. They are
 * memory that no limit counts, and a client that is killed leaves them: they go with its session.
 */
export class Scratches {
  readonly #options: ScratchesOptions;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | null = null;
  #again = false;

  constructor(options: ScratchesOptions) {
    this.#options = options;
    // What a program writes on while its directory is removed is found the next time.
    this.#timer = setInterval(() => this.look(), SERVER_LIMITS.scratchLookMs);
    this.#timer.unref();
  }

  /** Removes what is of no open session; returns at once. */
  look(): void {
    this.#again = true;
    this.#looking ??= this.#lookAll().finally(() => {
      this.#looking = null;
    });
  }

  /** Looks no more; resolves when nothing is removed any longer. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#again = false;
    await this.#looking;
  }

  async #lookAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const { directory, isOpen } = this.#options;
      for (const name of await readdir(directory).catch(() => [])) {
        const session = NAME.exec(name)?.[1];
        if (session === undefined || isOpen(Number(session))) continue;
        await rm(join(directory, name), { recursive: true, force: true }).catch(() => {});
      }
    }
  }
}
