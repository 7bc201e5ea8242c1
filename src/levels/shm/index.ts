/**
 * Shared-memory slabs of one pool on one host: files that are created, sized, mapped, faulted in,
 * checked and removed here. Who owns which bytes of them is decided by the pool's state machine.
 * The figures behind the choices: docs/internals/shared-memory.md.
 */

export { adopt } from './adopt.js';
export { beginAnew, endAnew, slabsAnew } from './anew.js';
export {
  findDeadPools,
  findPools,
  removePool,
} from './clean.js';
export { newBytes } from './large-pages.js';
export { type Access, Mapping, mapFile } from './map.js';
export { defaultShmDirectory, readMemoryFacts } from './memory-facts.js';
export { type Libc, loadLibc, tryLoadLibc } from './native.js';
export {
  claimPoolDirectory,
  createPoolDirectory,
  lockPoolDirectory,
  PoolDirectory,
  type PoolNamed,
  type PoolOwner,
  poolDirectoryPath,
  readOwner,
} from './owner.js';
export {
  decideMemory,
  formatBytes,
  type MemoryDecision,
  type MemoryFacts,
} from './sizing.js';
export {
  createSlab,
  listSlabs,
  nameExists,
  openSlab,
  removeSlab,
  slabPath,
  warm,
} from './slabs.js';
export { readStamp, Stamp, type StampFound } from './stamp.js';
