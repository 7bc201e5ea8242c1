/**
 * Shared-memory slabs of one pool on one host: files that are created, sized, mapped, faulted in,
 * checked and removed here. Who owns which bytes of them is decided by the pool's state machine.
 * The figures behind the choices: docs/internals/shared-memory.md.
 */

export {
  type Liveness,
  ownIdentity,
  type ProcessIdentity,
  processAlive,
} from '../process-identity.js';
export { adopt } from './adopt.js';
export {
  type FoundPool,
  findDeadPools,
  findPools,
  type Removal,
  removePool,
} from './clean.js';
export { type Access, Mapping, mapFile } from './map.js';
export { defaultShmDirectory, type ReadFactsOptions, readMemoryFacts } from './memory-facts.js';
export { type ImportKoffi, type Libc, loadLibc, tryLoadLibc } from './native.js';
export {
  claimPoolDirectory,
  createPoolDirectory,
  PoolDirectory,
  type PoolOwner,
  poolDirectoryPath,
} from './owner.js';
export {
  type DirectoryFacts,
  decideMemory,
  formatBytes,
  type MachineFacts,
  type MemoryDecision,
  type MemoryFacts,
  type MemoryWarning,
  type MemoryWish,
} from './sizing.js';
export {
  createSlab,
  type LibcChoice,
  openSlab,
  removeSlab,
  SlabFile,
  type SlowWork,
  slabPath,
  warm,
} from './slabs.js';
