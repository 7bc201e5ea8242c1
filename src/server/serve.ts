import { randomBytes } from 'node:crypto';
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import type { ValueMap } from '../core/value.js';
import { ownIdentity } from '../levels/process-identity.js';
import {
  checkSocketPath,
  formatAddress,
  type Link,
  listen,
  parseAddress,
  type TcpAddress,
  TOKEN_FILE,
} from '../transport/index.js';
import { AgentWorker } from './agent-worker.js';
import { claimSocket } from './claim.js';
import { Cleanup } from './cleanup.js';
import { limitsForClients } from './handshake.js';
import { SERVER_LIMITS } from './limits.js';
import { prepareMemory } from './memory.js';
import type { ServeOptions } from './options.js';
import { DATA_SOCKET_FILE, LOG_FILE, makePrivateDirectory, socketPathOf } from './place.js';
import { PoolServer } from './pool-server.js';
import { makeToken, readTokenFile, SessionSecrets, writeTokenFile } from './secrets.js';
import { SOFTWARE } from './software.js';

function tcpAddress(text: string | undefined): TcpAddress | null {
  if (text === undefined) return null;
  const address = parseAddress(text);
  if (address.kind === 'tcp') return address;
  return refuse('bad-argument', `Cannot listen on "${text}": it is not tcp://host:port`);
}

function socketPath(options: ServeOptions, name: string): string {
  if (options.address === undefined) return socketPathOf(name);
  const address = parseAddress(options.address);
  if (address.kind === 'unix') return address.path;
  return refuse('bad-argument', `Cannot serve on "${options.address}": it is not unix:/path`);
}

/**
 * One directory a pool, that only its user may enter. It goes with the pool, except one that the
 * user has named and that was there before.
 */
async function prepareDirectory(
  options: ServeOptions,
  path: string,
  cleanup: Cleanup,
): Promise<string> {
  const directory = dirname(path);
  if (options.address === undefined) await makePrivateDirectory(dirname(directory));
  const outcome = await makePrivateDirectory(directory);
  if (options.address === undefined || outcome === 'made') {
    cleanup.push(() => rmdir(directory).catch(() => {}));
  }
  return directory;
}

/**
 * Serves a pool until it is stopped, in this process. Resolves when it answers. Errors:
 * `name-in-use` (a living pool is at that address), `bad-argument`, `bad-name`, `file-error`,
 * `shm-full`; nothing is left behind then.
 */
export async function serve(options: ServeOptions = {}): Promise<PoolServer> {
  const log = options.log ?? (() => {});
  const poolId = randomBytes(8).toString('hex');
  const name = options.name ?? poolId;
  const path = socketPath(options, name);
  checkSocketPath(path);
  const tcp = tcpAddress(options.listen);
  const cleanup = new Cleanup();
  try {
    const directory = await prepareDirectory(options, path, cleanup);
    let server: PoolServer | null = null;
    const onLink = (link: Link): void => {
      if (server === null) link.destroy();
      else server.take(link);
    };
    const linksMax = SERVER_LIMITS.connectionsMax;
    const claim = await claimSocket(path, { onLink, linksMax });
    cleanup.push(() => rm(join(directory, LOG_FILE), { force: true }));
    cleanup.push(() => claim.close());

    const thread = new AgentWorker();
    cleanup.push(() => thread.terminate());

    const token =
      options.token ??
      (options.tokenFile === undefined ? makeToken() : await readTokenFile(options.tokenFile));
    const tokenPath = join(directory, TOKEN_FILE);
    await writeTokenFile(tokenPath, token);
    cleanup.push(() => rm(tokenPath, { force: true }));

    const memory = await prepareMemory({ poolId, name }, options, log);
    cleanup.push(() => memory.directory?.remove());
    for (const warning of memory.warnings) log(`WARNING: ${warning}`);
    log(`memory ${memory.reason}`);

    const dataSocket = join(directory, DATA_SOCKET_FILE);
    // A dead server may have left it; the directory is ours alone by now.
    await rm(dataSocket, { force: true });
    cleanup.push(() => rm(dataSocket, { force: true }));

    const here = ownIdentity();
    const describe: ValueMap = {
      software: SOFTWARE,
      bootId: here.bootId ?? '',
      pid: here.pid,
      limits: limitsForClients(),
    };
    const started = await PoolServer.start({
      thread,
      loop: {
        id: poolId,
        name,
        hashSeed: randomBytes(4).readUInt32LE(),
        memoryBytesMax: memory.bytes,
        deadlineDefaultMs: options.deadlineDefaultMs ?? LIMITS.deadlineDefaultMs,
        promiseGraceMs: options.promiseGraceMs ?? LIMITS.promiseGraceMs,
        reportFreed: options.check ?? process.env['ATTACCA_CHECK'] === '1',
      },
      door: { token, poolId, poolName: name },
      secrets: new SessionSecrets(),
      memory,
      directory,
      dataSocket,
      dataListen: tcp === null ? null : { host: tcp.host, port: 0 },
      address: formatAddress({ kind: 'unix', path }),
      here,
      describe,
      awayMsMax: options.sessionAwayMsMax,
      handshakeMsMax: options.handshakeMsMax ?? SERVER_LIMITS.handshakeMsMax,
      cleanup,
      log,
    });
    server = started;
    if (tcp !== null) {
      const listener = await listen(tcp, { onLink, linksMax });
      cleanup.push(() => listener.close());
      started.listening(listener.address);
      log(`listening on ${formatAddress(listener.address)} for who has the token in ${tokenPath}`);
    }
    await claim.publish();
    return started;
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}
