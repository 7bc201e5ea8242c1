import { SERVER_LIMITS } from './limits.js';
import type { PoolServer } from './pool-server.js';

/**
 * SIGTERM and SIGINT stop a server in order: sessions are told and may leave; a second signal stops
 * it at once. Returns what takes the handlers away again, which also happens when the server ends.
 */
export function stopOnSignals(
  server: PoolServer,
  options: { readonly graceMs?: number; readonly log?: (line: string) => void } = {},
): () => void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    if (signals === 1 && server.sessionCount > 0) {
      const count = server.sessionCount;
      const sessions = count === 1 ? 'its session has' : `its ${count} sessions have`;
      const { graceMs = SERVER_LIMITS.drainMsMax } = options;
      options.log?.(
        `${signal}: waiting until ${sessions} left, ${graceMs / 1_000} s at most; ` +
          'another signal ends it at once',
      );
    }
    const ending = signals === 1 ? server.drain(options.graceMs) : server.close();
    ending.catch(() => {});
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const remove = (): void => {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  };
  void server.closed.then(remove);
  return remove;
}
