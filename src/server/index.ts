/** Serving a pool, and finding, starting and stopping servers. */
export type { ServeOptions } from './options.js';
export { PoolServer, type ServerEnd } from './pool-server.js';
export { serve } from './serve.js';
