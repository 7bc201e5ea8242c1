/** Serves a pool in a process of its own, as `attacca serve` does; arguments are ServeOptions. */
import { reportFailed, reportReady, serve, stopOnSignals } from '../../src/server/index.js';

const { graceMs, ...options } = JSON.parse(process.argv[2] ?? '{}');
try {
  const server = await serve({ ...options, log: (line) => process.stderr.write(`${line}\n`) });
  stopOnSignals(server, { graceMs });
  reportReady(server);
  const end = await server.closed;
  process.exitCode = end.kind === 'crashed' ? 70 : 0;
} catch (error) {
  reportFailed(error);
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
}
