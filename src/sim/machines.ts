import type { Checksum } from '../core/streams.js';
import type { Disk } from '../journal/disk.js';
import { makeSnapshot, revive } from '../loop/history.js';
import { pendingEffects } from '../pool/slabs.js';

/** What the simulator is lent by Node, which it does not know. */
export interface Lent {
  readonly checksum: Checksum;
  /** Resolves when all that promises have to do now is done. */
  readonly drained: () => Promise<void>;
}

/** The shipped functions that a manager is made of, beside its loop and its journal. */
export interface Machines {
  /** The disk as the manager sees it. */
  readonly disk: (disk: Disk) => Disk;
  readonly checksum: Checksum;
  readonly revive: typeof revive;
  readonly makeSnapshot: typeof makeSnapshot;
  readonly pendingEffects: typeof pendingEffects;
}

export function machinesOf(checksum: Checksum): Machines {
  return { disk: (disk) => disk, checksum, revive, makeSnapshot, pendingEffects };
}
