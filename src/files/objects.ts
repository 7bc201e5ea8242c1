import { encodingOf } from '../client/encoding.js';
import type { WaitOptions } from '../client/options.js';
import type { Pool } from '../client/pool.js';
import type { Delivered, ObjectVersion } from '../client/received.js';
import { throwIfAborted } from '../client/waiting.js';
import { AttaccaError } from '../core/errors.js';
import type { Space } from '../core/space.js';
import { decodeHeader, type FileHeader } from './header.js';

interface Waits extends WaitOptions {
  /** Hears which object is waited for; null: none. */
  readonly onWaiting?: ((name: string | null) => void) | undefined;
}

/** What an object is, without its elements. */
export type Found = Pick<ObjectVersion, 'space' | 'attributes'>;

export function isHeader({ attributes }: Pick<ObjectVersion, 'attributes'>): boolean {
  return attributes['file.header'] !== undefined;
}

/** What is exported. Elements are demanded once, as they are written; to plan takes none. */
export class Objects {
  readonly #pool: Pool;
  readonly #options: Waits;

  constructor(pool: Pool, options: Waits) {
    this.#pool = pool;
    this.#options = options;
  }

  /** What an object is, without its elements: of one that is kept encoded what is decoded. */
  async look(name: string): Promise<Found> {
    return await this.#waiting(name, async (options) => {
      const { space, attributes } = await this.#pool.wait(name, options);
      const encoding = encodingOf(name, { attributes, source: 'message' });
      return { space: encoding?.space ?? space, attributes };
    });
  }

  /** What an object tells of a file; null: it is none of those. */
  async header(name: string): Promise<FileHeader | null> {
    return await this.#waiting(name, async (options) => {
      if (!isHeader(await this.#pool.wait(name, options))) return null;
      await using told = await this.#pool.object(name).demand(options);
      return decodeHeader(told.unsafeBytes(), name);
    });
  }

  async demand(
    name: string,
    as: Partial<Pick<Space, 'order' | 'byteOrder'>> = {},
  ): Promise<Delivered> {
    return await this.#waiting(name, (options) =>
      this.#pool.object(name).demand({ ...as, ...options }),
    );
  }

  /** What it is, if it is there now; null: it is not, and is not waited for. */
  async find(name: string): Promise<Found | null> {
    try {
      if ((await this.#pool.stat(name))['state'] !== 'offered') return null;
    } catch (error) {
      if (error instanceof AttaccaError && error.code === 'unknown-object') return null;
      throw error;
    }
    return await this.look(name);
  }

  async #waiting<T>(name: string, ask: (options: WaitOptions) => Promise<T>): Promise<T> {
    const { timeoutMs, signal, onWaiting } = this.#options;
    throwIfAborted(`export "${name}"`, signal);
    onWaiting?.(name);
    const got = await ask({ timeoutMs, signal });
    onWaiting?.(null);
    return got;
  }
}
