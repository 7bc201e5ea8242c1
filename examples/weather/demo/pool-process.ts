/**
 * Serves the pool of the demo, as `attacca serve` does, until the demo ends it or is gone. Its
 * argument is the memory for it, in bytes.
 */
import { serve } from '../../../src/server/index.js';

export interface PoolServing {
  readonly kind: 'serving';
  readonly address: string;
  /** As the commands of `attacca` take it. */
  readonly name: string;
  /** Where its shared memory is; undefined without. */
  readonly slabs: string | undefined;
  /** Its size, with the reason. */
  readonly memory: string;
}

/** A dead model's promises end soon, so that who waits for it hears of it soon. */
const PROMISE_GRACE_MS = 1_000;

// Ctrl-C goes to all processes of a terminal: the pool stays until its members have gone.
process.on('SIGINT', () => {});
const [memory] = process.argv.slice(2);
const server = await serve({
  name: `weather-${process.ppid}`,
  promiseGraceMs: PROMISE_GRACE_MS,
  memoryBytes: memory === undefined ? undefined : Number(memory),
});
const close = (): void => {
  server.close().catch(() => {});
};
process.once('SIGTERM', close);
process.once('disconnect', close);
const serving: PoolServing = {
  kind: 'serving',
  address: server.address,
  name: server.name,
  slabs: server.memory.directory?.path,
  memory: server.memory.reason,
};
process.send?.(serving);
const end = await server.closed;
process.exit(end.kind === 'crashed' ? 1 : 0);
