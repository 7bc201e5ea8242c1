/** Serving a pool, and finding, starting and stopping servers. */
export { type DetachedOptions, type DetachedServer, startDetached } from './detached.js';
export {
  addressOf,
  findPool,
  listPools,
  type PoolPlace,
  removePlace,
} from './discovery.js';
export type { PoolMemory } from './memory.js';
export type { ServeOptions } from './options.js';
export { checkPoolName, socketPathOf } from './place.js';
export { PoolServer, type ServerEnd } from './pool-server.js';
export { READY_FD_VARIABLE, reportFailed, reportReady } from './ready.js';
export { serve } from './serve.js';
export { stopOnSignals } from './signals.js';
export { type StopOptions, type StopResult, stopPool } from './stop-pool.js';
