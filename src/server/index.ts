/** Serving a pool, and finding and starting servers. A client stops one: `PoolView.stop`. */
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
