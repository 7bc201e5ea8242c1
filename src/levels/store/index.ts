/**
 * Objects in a directory that no server needs to run for: small ones in packs, large ones as arrays
 * of Zarr 3. Format and invariants: docs/internals/storage.md.
 */

export { DirectoryLevel, type DirectoryOptions } from './directory-level.js';
export { type Finding, isDamage } from './fsck.js';
export { claimStore, openClaimed, openStore, openStoreOn } from './open-store.js';
export { checkDirectory, QUARANTINE, repairDirectory } from './repair.js';
export type { StoreDisk, StoreFile } from './store-disk.js';
export { STORE_FILE } from './store-file.js';
