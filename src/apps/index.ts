/** `attacca/apps`: the programs that conduct a workflow, as functions over a pool. */
export { type KeepAliveOptions, type KeptAlive, keepAlive } from './keep-alive.js';
