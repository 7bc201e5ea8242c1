/**
 * Serves a pool in a process of its own, as `attacca serve` does; arguments are ServeOptions.
 * `killAtStamp`: is killed when its first record is durable, before its memory says so;
 * `killAtRecord`: before its first record is.
 */
import { Stamp } from '../../src/levels/shm/index.js';
import { reportFailed, reportReady, serve, stopOnSignals } from '../../src/server/index.js';
import { JournalKeeper } from '../../src/server/journal-keeper.js';

const { graceMs, killAtStamp, killAtRecord, ...options } = JSON.parse(process.argv[2] ?? '{}');
const dies = (): never => process.kill(process.pid, 'SIGKILL') as never;
if (killAtRecord === true) JournalKeeper.prototype.append = dies;
if (killAtStamp === true) Stamp.prototype.set = () => void process.kill(process.pid, 'SIGKILL');
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
