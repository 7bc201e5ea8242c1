import { AttaccaError } from '../../../src/core/errors.js';
import type { StoreDisk, StoreFile } from '../../../src/levels/store/index.js';

interface Node {
  bytes: Uint8Array;
  /** What a loss of power leaves at least. */
  durable: Uint8Array;
}

/**
 * A store's disk in memory, which can lose its power. Then of each file what was not synced is
 * there, is not, or is torn in blocks of 512 bytes; names that were not synced are as they were or
 * as they are. Renames and removals of files whose folder was not synced may be undone, too.
 */
export class CrashDisk implements StoreDisk {
  #files = new Map<string, Node>();
  #durable = new Map<string, Node>();
  readonly #folders = new Set<string>(['']);
  /** Bytes that there is room for. */
  bytesMax = Number.POSITIVE_INFINITY;
  /** The n-th call from now on ends the host; what it does is done, not, or in part. */
  crashIn = Number.POSITIVE_INFINITY;
  isDown = false;
  syncs = 0;

  async list(folder: string): Promise<readonly StoreFile[]> {
    this.#step();
    const prefix = folder === '' ? '' : `${folder}/`;
    const found = new Map<string, StoreFile>();
    for (const each of this.#folders) {
      const name = each.slice(prefix.length);
      if (each.startsWith(prefix) && name !== '' && !name.includes('/')) {
        found.set(name, { name, size: 0, isFolder: true });
      }
    }
    for (const [path, { bytes }] of this.#files) {
      const [name = '', ...more] = path.slice(prefix.length).split('/');
      if (!path.startsWith(prefix)) continue;
      const isFolder = more.length > 0;
      found.set(name, { name, size: isFolder ? 0 : bytes.length, isFolder });
    }
    return [...found.values()];
  }

  async size(path: string): Promise<number | null> {
    this.#step();
    return this.#files.get(path)?.bytes.length ?? null;
  }

  async read(path: string, offset: number, target: Uint8Array): Promise<number | null> {
    this.#step();
    const node = this.#files.get(path);
    if (node === undefined) return null;
    const bytes = node.bytes.subarray(offset, offset + target.length);
    target.set(bytes);
    return bytes.length;
  }

  readNow(): Uint8Array | null {
    return null;
  }

  async write(path: string, offset: number, pieces: readonly Uint8Array[]): Promise<void> {
    const isLast = this.crashIn === 1;
    if (!isLast) this.#step();
    const all = Buffer.concat(pieces);
    const before = this.#files.get(path) ?? {
      bytes: new Uint8Array(0),
      durable: new Uint8Array(0),
    };
    const room = this.bytesMax - this.#used() + Math.max(0, before.bytes.length - offset);
    const kept = isLast ? all.subarray(0, all.length >> 1) : all.subarray(0, Math.max(0, room));
    const size = Math.max(before.bytes.length, offset + kept.length);
    const bytes = new Uint8Array(size);
    bytes.set(before.bytes);
    bytes.set(kept, offset);
    if (kept.length > 0 || all.length === 0 || isLast) {
      before.bytes = bytes;
      this.#files.set(path, before);
    }
    if (isLast) this.#step();
    if (kept.length < all.length)
      throw new AttaccaError('disk-full', `Cannot write "${path}": full`);
  }

  async sync(path: string): Promise<void> {
    this.#step();
    this.syncs++;
    const node = this.#files.get(path);
    if (node !== undefined) node.durable = node.bytes;
  }

  async syncFolder(folder: string): Promise<void> {
    this.#step();
    const prefix = folder === '' ? '' : `${folder}/`;
    const isIn = (path: string): boolean => path.startsWith(prefix);
    for (const path of [...this.#durable.keys()].filter(isIn)) {
      if (!this.#files.has(path)) this.#durable.delete(path);
    }
    for (const [path, node] of this.#files) if (isIn(path)) this.#durable.set(path, node);
  }

  async truncate(path: string, size: number): Promise<void> {
    this.#step();
    const node = this.#files.get(path);
    if (node !== undefined) node.bytes = node.bytes.slice(0, size);
  }

  async makeFolder(path: string): Promise<void> {
    this.#step();
    const parts = path.split('/');
    for (let at = 1; at <= parts.length; at++) this.#folders.add(parts.slice(0, at).join('/'));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    for (const [path, node] of [...this.#files]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.#files.delete(path);
      this.#files.set(to + path.slice(from.length), node);
    }
    this.#removeFolders(from);
  }

  async remove(path: string): Promise<void> {
    this.#step();
    for (const each of [...this.#files.keys()]) {
      if (each === path || each.startsWith(`${path}/`)) this.#files.delete(each);
    }
    this.#removeFolders(path);
  }

  async free(): Promise<number | null> {
    this.#step();
    return this.bytesMax === Number.POSITIVE_INFINITY ? null : this.bytesMax - this.#used();
  }

  async close(): Promise<void> {}

  /** The file as it is, to be looked at and changed. */
  bytesOf(path: string): Uint8Array {
    return this.#files.get(path)?.bytes ?? new Uint8Array(0);
  }

  paths(): string[] {
    return [...this.#files.keys()];
  }

  /** Replaces or cuts a file, as age or somebody's hand does. */
  damage(path: string, bytes: Uint8Array): void {
    this.#files.set(path, { bytes, durable: bytes });
  }

  drop(path: string): void {
    this.#files.delete(path);
  }

  /** Another disk with the same files. */
  copy(): CrashDisk {
    const copy = new CrashDisk();
    for (const [path, { bytes }] of this.#files) copy.damage(path, bytes.slice());
    for (const folder of this.#folders) copy.#folders.add(folder);
    return copy;
  }

  /** Every process ends, the host stays: all that was written is there. */
  restart(): void {
    this.isDown = false;
    this.crashIn = Number.POSITIVE_INFINITY;
  }

  /** The host loses its power and is there again. */
  losePower(dice: (sides: number) => number): void {
    const names = new Map<string, Node>();
    for (const path of new Set([...this.#files.keys(), ...this.#durable.keys()])) {
      const [now, before] = [this.#files.get(path), this.#durable.get(path)];
      const node = now === before || dice(2) === 0 ? now : before;
      if (node !== undefined) names.set(path, node);
    }
    for (const [path, node] of names) {
      const bytes = torn(node, dice);
      names.set(path, { bytes, durable: bytes });
    }
    this.#files = names;
    this.#durable = new Map(names);
    this.restart();
  }

  #removeFolders(path: string): void {
    for (const folder of [...this.#folders]) {
      if (folder === path || folder.startsWith(`${path}/`)) this.#folders.delete(folder);
    }
  }

  #used(): number {
    return [...this.#files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  #step(): void {
    if (this.isDown) throw new AttaccaError('file-error', 'Cannot use the disk: it is down');
    if (--this.crashIn > 0) return;
    this.isDown = true;
    throw new AttaccaError('file-error', 'Cannot use the disk: it goes down');
  }
}

/** Each block that was changed and not synced is there or not; the size is any between. */
function torn({ bytes, durable }: Node, dice: (sides: number) => number): Uint8Array {
  if (bytes === durable) return bytes;
  const least = Math.min(bytes.length, durable.length);
  const most = Math.max(bytes.length, durable.length);
  const size = dice(3) === 0 ? bytes.length : least + dice(most - least + 1);
  const result = new Uint8Array(size);
  for (let at = 0; at < size; at += 512) {
    const from = dice(2) === 0 ? bytes : durable;
    result.set(from.subarray(at, Math.min(at + 512, size)), at);
  }
  return result;
}
