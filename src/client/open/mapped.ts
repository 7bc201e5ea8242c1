import type { Region } from '../../core/regions/region.js';
import type { Held } from '../copying.js';
import type { Patience } from '../waiting.js';
import type { Layout, RegionQueue } from './region-queue.js';

/** Elements of a region in memory of the program, and how they lie there. */
export interface Mapped {
  readonly home: Held;
  readonly as: Layout;
  readonly lossy: boolean;
}

/** The buffers that stand for regions of an open object. */
export class MappedBuffers {
  readonly #queue: RegionQueue;
  readonly #mapped = new Set<Mapped>();

  constructor(queue: RegionQueue) {
    this.#queue = queue;
  }

  /** Returns what ends it. */
  add(mapped: Mapped): () => void {
    this.#mapped.add(mapped);
    return () => void this.#mapped.delete(mapped);
  }

  /** How many elements of a region buffers stand for, one by one. */
  countIn(region: Region): number {
    let count = 0;
    for (const { home } of this.#mapped) count += home.region.intersect(region).count;
    return count;
  }

  /** Writes what buffers have of a region, each by itself. */
  publish(region: Region): Promise<void>[] {
    return this.#each(region, (common, { home, as, lossy }) =>
      this.#queue.write(common, home, as, lossy, null),
    );
  }

  /** Reads what buffers stand for of a region. */
  async refresh(region: Region, patience: Patience | null): Promise<void> {
    await Promise.all(
      this.#each(region, (common, { home, as, lossy }) =>
        this.#queue.read(common, home, as, lossy, patience),
      ),
    );
  }

  #each(region: Region, move: (common: Region, mapped: Mapped) => Promise<void>): Promise<void>[] {
    const done: Promise<void>[] = [];
    for (const mapped of this.#mapped) {
      const common = mapped.home.region.intersect(region);
      if (!common.isEmpty) done.push(move(common, mapped));
    }
    return done;
  }
}
