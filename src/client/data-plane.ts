import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import type { Access } from '../levels/shm/map.js';
import type { PoolInfo } from '../protocol/index.js';
import type { Bytes } from './arrays.js';
import type { DataLink } from './data-link.js';
import { asAttaccaError } from './errors.js';
import { SlabMaps } from './slab-maps.js';
import type { Slice } from './slice.js';

/** How bytes reach the pool: by writing into its memory, or over a connection. */
export type Transport = 'shared-memory' | 'socket';

/** Stands in the directory of a pool's slabs, and says whose it is. */
const OWNER_FILE = 'owner.json';

/** What the caller, or the environment, asks for; `auto` takes shared memory where it can. */
export type TransportChoice = 'auto' | Transport;

export function transportChoice(
  asked: TransportChoice | undefined,
  environment: string | undefined,
): TransportChoice {
  const choice = asked ?? environment;
  if (choice === undefined || choice === '' || choice === 'auto') return 'auto';
  if (choice === 'shared-memory' || choice === 'socket') return choice;
  throw new AttaccaError(
    'bad-argument',
    `Cannot use the transport "${choice}": auto, shared-memory or socket`,
  );
}

/**
 * Moves bytes between this process and slices of the pool: by mapping the slabs, or over the data
 * connection where that cannot be. Which of them is decided when the session opens, and given up
 * for the socket at the first mapping that fails; both give the same bytes.
 */
export class DataPlane {
  #transport: Transport;
  #reason: string;
  readonly #maps: SlabMaps | null;
  readonly #link: DataLink;
  readonly #choice: TransportChoice;
  #hasResumed = false;

  constructor(poolId: string, pool: PoolInfo, choice: TransportChoice, link: DataLink) {
    const obstacle = obstacleTo(poolId, pool, choice);
    if (obstacle !== null && choice === 'shared-memory') {
      throw new AttaccaError('mapping-unavailable', `Cannot use shared memory: ${obstacle}`);
    }
    this.#choice = choice;
    this.#link = link;
    this.#transport = obstacle === null ? 'shared-memory' : 'socket';
    this.#reason = obstacle ?? `the pool's slabs are in "${pool.slabs}"`;
    this.#maps = obstacle === null ? new SlabMaps(pool.slabs) : null;
  }

  get transport(): Transport {
    return this.#transport;
  }

  /**
   * Whether the session went on, perhaps with a manager that has not the memory of before. Either
   * connection may be the first that is there again.
   */
  get hasResumed(): boolean {
    return this.#hasResumed || this.#link.hasReopened;
  }

  /** Why this transport, in words. */
  get reason(): string {
    return this.#reason;
  }

  /** Lets this process write to a slab that it leases from; false: bytes go over the socket. */
  async openForWriting(slab: number): Promise<boolean> {
    return (await this.#map(slab, 'read-write')) !== null;
  }

  /** The bytes of a leased slice, to be written in place; null when its slab is not mapped. */
  writable(slice: Slice): Bytes | null {
    return this.#cut(slice, 'read-write');
  }

  /** Puts bytes into a leased slice. */
  async store(slice: Slice, bytes: Uint8Array): Promise<void> {
    const target = this.writable(slice);
    if (target !== null) target.set(bytes);
    else if (await this.openForWriting(slice.slab)) this.writable(slice)?.set(bytes);
    else await this.#link.write(slice, bytes);
  }

  /** The bytes of a delivered slice if they are at hand: a view, no copy. */
  view(slice: Slice, access: Access = 'read'): Bytes | null {
    return this.#cut(slice, access);
  }

  /** The bytes of a delivered slice: a view, or memory of one's own where nothing is mapped. */
  async load(slice: Slice, access: Access = 'read'): Promise<Bytes> {
    if ((await this.#map(slice.slab, access)) === null) return await this.#link.read(slice);
    return this.#cut(slice, access) as Bytes;
  }

  populate(slab: number, offset: number, size: number): void {
    this.#maps?.populate(slab, offset, size);
  }

  /** Readies what the first bytes that come will need, in idle time. Never fails. */
  async prepare(): Promise<void> {
    if (this.#transport === 'shared-memory') await this.#maps?.prepare().catch(() => {});
  }

  /** The session goes on, perhaps with another process of the pool, whose slabs lie elsewhere. */
  resumed(pool: PoolInfo): void {
    this.#hasResumed = true;
    if (pool.slabs !== '') this.#maps?.moved(pool.slabs);
  }

  slabGone(slab: number): void {
    this.#maps?.gone(slab);
  }

  close(error: AttaccaError): void {
    this.#maps?.close();
    this.#link.close(error);
  }

  #cut(slice: Slice, access: Access): Bytes | null {
    const all = this.#maps?.bytes(slice.slab, access) ?? null;
    return all === null ? null : all.subarray(slice.offset, slice.offset + slice.size);
  }

  /** Maps a slab; null when bytes go over the socket from now on. */
  async #map(slab: number, access: Access): Promise<Bytes | null> {
    if (this.#maps === null) return null;
    const mapped = this.#maps.bytes(slab, access);
    if (mapped !== null) return mapped;
    if (this.#transport === 'socket') return null;
    try {
      return await this.#maps.map(slab, access);
    } catch (error) {
      const failure = asAttaccaError(error);
      if (this.#choice === 'shared-memory') throw failure;
      this.#transport = 'socket';
      this.#reason = failure.message;
      return null;
    }
  }
}

/** What stands against shared memory, in words, or null. */
function obstacleTo(poolId: string, pool: PoolInfo, choice: TransportChoice): string | null {
  if (choice === 'socket') return 'the socket was asked for';
  if (pool.slabs === '') return 'the pool has no shared memory';
  try {
    // The same path elsewhere, or in a container with a /dev/shm of its own, is another directory.
    const owner: unknown = JSON.parse(readFileSync(join(pool.slabs, OWNER_FILE), 'utf8'));
    const isOurs = typeof owner === 'object' && owner !== null && 'poolId' in owner;
    if (isOurs && owner.poolId === poolId) return null;
    return `"${pool.slabs}" is here another pool's`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
