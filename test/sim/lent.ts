import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { Lent } from '../../src/sim/machines.js';

/** What Node lends to the simulator. */
export const LENT: Lent = {
  checksum: (bytes, before) => crc32(bytes, before),
  drained: () => setImmediate(),
};
