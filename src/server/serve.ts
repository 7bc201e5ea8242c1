import { randomBytes } from 'node:crypto';
import { rm, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Extents } from '../catalog/extents.js';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import type { ValueMap } from '../core/value.js';
import { ownIdentity, type ProcessIdentity } from '../levels/process-identity.js';
import { claimStore } from '../levels/store/index.js';
import type { PoolOptions } from '../pool/state.js';
import { DURABILITY } from '../protocol/index.js';
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
import { claimSocket, findStaleSocket } from './claim.js';
import { Cleanup } from './cleanup.js';
import { ownConnectionBounds } from './descriptors.js';
import { limitsForClients } from './handshake.js';
import { SERVER_LIMITS } from './limits.js';
import { type MemoryOwner, type PoolMemory, prepareMemory } from './memory.js';
import type { ServeOptions } from './options.js';
import { openPast, type Past } from './past.js';
import { DATA_SOCKET_FILE, LOG_FILE, makePrivateDirectory, socketPathOf } from './place.js';
import { PoolServer } from './pool-server.js';
import { placeToken, tokenFor } from './pool-token.js';
import { SessionSecrets, sessionKeyId } from './secrets.js';
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
  if (address.kind === 'unix') {
    checkSocketPath(address.path);
    return address.path;
  }
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

/** The log that startDetached makes goes with the pool; elsewhere one is a file of the user. */
function removeLog(
  options: ServeOptions,
  directory: string,
  cleanup: Cleanup,
  hasCrashed: () => boolean,
): void {
  if (options.address !== undefined) return;
  cleanup.push(async () => {
    // After a crash people want to read it.
    if (!hasCrashed()) await rm(join(directory, LOG_FILE), { force: true });
  });
}

/** Where data connections come: a name that is free, until the pool ends. */
async function freeDataSocket(directory: string, cleanup: Cleanup): Promise<string> {
  const path = join(directory, DATA_SOCKET_FILE);
  if (await findStaleSocket(path)) await unlink(path);
  cleanup.push(() => rm(path, { force: true }));
  return path;
}

/** What the system has said while the pool was started. */
function cannotServe(error: unknown, name: string): unknown {
  const system = systemCode(error);
  if (error instanceof AttaccaError || system === '') return error;
  const text = `Cannot serve the pool "${name}": ${whyFailed(error)}`;
  return new AttaccaError('file-error', text, { name, system }, { cause: error });
}

/** What the pool's history begins, or goes on, with. */
function poolOptions(
  pool: { readonly poolId: string; readonly name: string; readonly hashSeed: number },
  options: ServeOptions,
  memory: PoolMemory,
  past: Past | null,
): PoolOptions {
  const { data, sync = true } = options;
  const kept = sync ? DURABILITY.fsync : DURABILITY.memory;
  const durability = data === undefined ? DURABILITY.process : kept;
  const hasFiles = data !== undefined && memory.directory !== null;
  return {
    id: pool.poolId,
    name: pool.name,
    hashSeed: pool.hashSeed,
    memoryBytesMax: memory.bytes,
    deadlineDefaultMs: options.deadlineDefaultMs ?? LIMITS.deadlineDefaultMs,
    promiseGraceMs: options.promiseGraceMs ?? LIMITS.promiseGraceMs,
    durability,
    slabDurability: hasFiles ? DURABILITY.memory : DURABILITY.process,
    hasStore: options.store !== undefined,
    statistics: options.statistics ?? true,
    eventBytesMax: options.eventBytesMax ?? LIMITS.eventBytesMax,
    eventAgeMsMax: options.eventAgeMsMax ?? 0,
    reportFreed: options.check ?? process.env['ATTACCA_CHECK'] === '1',
    life: randomBytes(6).readUIntLE(0, 6),
    lifeBefore: memory.stamp?.lifeBefore ?? 0,
    sessionKeyId: past === null ? 0 : sessionKeyId(past.sessionKey),
    wallMs: Math.max(0, Date.now() - (past?.revived.loop?.pool.now ?? 0)),
  };
}

function describePool(
  here: ProcessIdentity,
  addresses: readonly string[],
  { sessionAwayMsMax, data, sync = true }: ServeOptions,
): ValueMap {
  const bootId = here.bootId ?? '';
  const limits = limitsForClients(sessionAwayMsMax);
  return {
    software: SOFTWARE,
    addresses,
    bootId,
    pid: here.pid,
    kept: data !== undefined,
    sync: data !== undefined && sync,
    limits,
  };
}

/**
 * Serves a pool until it is stopped, in this process. Resolves when it answers. Errors:
 * `name-in-use` (a living pool is at that address), `bad-argument`, `bad-name`, `file-error`,
 * `shm-full`; nothing is left behind then.
 */
export async function serve(options: ServeOptions = {}): Promise<PoolServer> {
  const { log = () => {}, data } = options;
  checkSegment(options);
  checkStore(options);
  const past = data === undefined ? null : await openPast({ ...options, data }, ownIdentity(), log);
  try {
    return await servePool(options, past, log);
  } catch (error) {
    await past?.directory.close();
    throw error;
  }
}

/** Bytes that are safe are of no use without the record that names them. */
function checkStore({ store, data, sync = true }: ServeOptions): void {
  if (store === undefined || (data !== undefined && sync)) return;
  const why = 'a store is for a pool that is kept, and whose records wait for the disk';
  refuse('bad-argument', `Cannot store in "${store}": ${why}`);
}

/** A segment must hold the largest record. */
function checkSegment({ segmentBytes }: ServeOptions): void {
  const { segmentBytesMin: least } = SERVER_LIMITS;
  if (segmentBytes === undefined || (segmentBytes >= least && segmentBytes % 4_096 === 0)) return;
  refuse(
    'bad-argument',
    `Cannot write segments of ${segmentBytes} bytes: pages, ${least} at least`,
  );
}

/** What of the memory stays when the start comes to nothing. */
function keptOf(past: Past | null): 'all' | 'nothing' {
  return past !== null && past.revived.loop !== null ? 'all' : 'nothing';
}

/** What lies in it outlives a manager that has a journal; where nothing does, its stamp. */
async function endMemory(
  { directory, stamp }: PoolMemory,
  keeps: PoolServer['keepsMemory'],
): Promise<void> {
  stamp?.close();
  if (keeps === 'all') await directory?.close();
  else if (keeps === 'stamp') await directory?.clear();
  else await directory?.remove();
}

/** What of the slabs is offered, and lost without them. */
function bytesOffered(extents: Extents): number {
  const { bytesTotal, bytesFree, bytesLeased, bytesDead } = extents;
  return bytesTotal - bytesFree - bytesLeased - bytesDead;
}

/** Whose memory it is, and what of it there is. */
function memoryOwner(
  pool: { readonly poolId: string; readonly name: string },
  past: Past | null,
): MemoryOwner {
  const loop = past?.revived.loop ?? null;
  return {
    ...pool,
    data: past?.directory.path ?? null,
    bytesKept: loop?.pool.extents.bytesTotal ?? 0,
    bytesHeld: loop === null || past?.areSlabsLost === true ? 0 : bytesOffered(loop.pool.extents),
    bytesBefore: loop?.pool.options.memoryBytesMax ?? 0,
    rootBefore: past?.revived.info?.shmDirectory ?? '',
  };
}

/** Who the pool is: a new one, or that of before. */
function identityOf(options: ServeOptions, past: Past | null) {
  const before = past?.revived.info?.options;
  const poolId = before?.id ?? randomBytes(8).toString('hex');
  const name = before?.name ?? options.name ?? poolId;
  return { poolId, name, hashSeed: before?.hashSeed ?? randomBytes(4).readUInt32LE() };
}

/** The store is the pool's until the agent's thread has ended, which writes to it. */
async function claimStoreOf({ store }: ServeOptions, cleanup: Cleanup): Promise<void> {
  if (store === undefined) return;
  const lock = await claimStore(store);
  cleanup.push(() => lock.release());
}

function storeOf({ store }: ServeOptions, { poolId, name }: ReturnType<typeof identityOf>) {
  // Pools of one name, one after the other, may have one store.
  return store === undefined ? null : { directory: store, pool: `${name}.${poolId}` };
}

async function servePool(
  options: ServeOptions,
  past: Past | null,
  log: (line: string) => void,
): Promise<PoolServer> {
  const identity = identityOf(options, past);
  const { name } = identity;
  const path = socketPath(options, name);
  const tcp = tcpAddress(options.listen);
  const token = tokenFor(past === null ? options : { token: past.token, ...options });
  const cleanup = new Cleanup();
  cleanup.push(() => past?.directory.close());
  const bounds = ownConnectionBounds(past !== null);
  await claimStoreOf(options, cleanup);
  let server: PoolServer | null = null;
  let started: PoolServer | null = null;
  const onLink = (link: Link): void => {
    if (server === null) link.destroy();
    else server.take(link);
  };
  // One more comes before the oldest of those that are closed goes.
  const listening = { onLink, linksMax: bounds.control + bounds.refused + 1 };
  try {
    const directory = await prepareDirectory(options, path, cleanup);
    const claim = await claimSocket(path, listening);
    removeLog(options, directory, cleanup, () => server?.hasCrashed === true);
    // Goes after the socket: who comes then hears that the pool stops, not that a file is missing.
    const tokenCleanup = new Cleanup();
    cleanup.push(() => tokenCleanup.run());
    cleanup.push(() => claim.close());
    const listener = tcp === null ? null : await listen(tcp, listening);
    cleanup.push(() => listener?.close());
    const thread = new AgentWorker();
    cleanup.push(() => thread.terminate());
    const dataSocket = await freeDataSocket(directory, cleanup);
    const tokenPath = join(directory, TOKEN_FILE);
    await placeToken(tokenPath, token, options, tokenCleanup);
    const memory = await prepareMemory(memoryOwner(identity, past), options, log);
    cleanup.push(() => endMemory(memory, started?.keepsMemory ?? keptOf(past)));

    const here = ownIdentity();
    const own = { kind: 'unix', path } as const;
    const addresses = [own, ...(listener === null ? [] : [listener.address])].map(formatAddress);
    started = new PoolServer({
      thread,
      loop: poolOptions(identity, options, memory, past),
      past,
      journal: { sync: options.sync ?? true, segmentBytes: options.segmentBytes },
      door: { token, poolId: identity.poolId, poolName: name },
      secrets: new SessionSecrets(past?.sessionKey),
      ...{ memory, directory, dataSocket, store: storeOf(options, identity) },
      dataListen: tcp === null ? null : { host: tcp.host, port: 0 },
      addresses,
      here,
      describe: describePool(here, addresses, options),
      bounds,
      awayMsMax: options.sessionAwayMsMax,
      handshakeMsMax: options.handshakeMsMax ?? SERVER_LIMITS.handshakeMsMax,
      cleanup,
      log,
    });
    await started.start();
    server = started;
    if (listener !== null) {
      log(`listening on ${formatAddress(listener.address)} for who has the token in ${tokenPath}`);
    }
    await claim.publish();
    return started;
  } catch (error) {
    await cleanup.run();
    throw cannotServe(error, name);
  }
}
