import { assert, refuse } from '../core/assert.js';
import type { Sink, Source } from '../core/streams.js';
import type { Disk } from '../journal/disk.js';

/** A disk writes a sector whole or not at all, and may write those of one call in any order. */
export const SECTOR_BYTES = 512;

/** A whole number from 0 to below `end`: all chance of a simulation. */
export type Dice = (end: number) => number;

interface SimDiskOptions {
  /** Takes what an operation will do; runs it when its time has come. At once as a rule. */
  readonly later?: (run: () => void) => void;
  /** Of all files together. */
  readonly capacityBytes?: number;
}

/** How a crash treats what was not synced. */
interface CrashOptions {
  /** Bytes that were to change in a sector may come out as anything. */
  readonly garbage?: boolean;
}

/** A file without its name. */
class Node {
  /** What programs read. */
  cached: Uint8Array<ArrayBuffer>;
  /** What is there after a crash that loses all that was not synced. */
  synced: Uint8Array<ArrayBuffer>;
  /** Sectors in which the two may differ. */
  readonly dirty = new Set<number>();
  /** A sync has failed: until another manager reads it, nothing of it reaches the disk any more. */
  #isForgotten = false;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.cached = bytes;
    this.synced = bytes.slice();
  }

  write(offset: number, bytes: Uint8Array): void {
    this.cached.set(bytes, offset);
    const end = offset + bytes.length;
    for (let at = offset - (offset % SECTOR_BYTES); at < end; at += SECTOR_BYTES) {
      if (!this.#isForgotten) this.dirty.add(at);
    }
  }

  sync(): void {
    for (const at of this.dirty) {
      this.synced.set(this.cached.subarray(at, at + SECTOR_BYTES), at);
    }
    this.dirty.clear();
  }

  /** What an operating system makes of a sync that fails: it keeps the bytes, and forgets them. */
  failSync(): void {
    this.dirty.clear();
    this.#isForgotten = true;
  }

  /** Another manager reads it: what that one writes counts, and nothing else. */
  open(): void {
    this.#isForgotten = false;
  }

  truncate(size: number): void {
    this.sync();
    this.cached = this.cached.slice(0, size);
    this.synced = this.synced.slice(0, size);
  }

  /** Leaves of each sector that was not synced what it held, what it was to hold, or neither. */
  crash(dice: Dice, fate: Fate, garbage: boolean): void {
    for (const at of this.dirty) {
      const old = this.synced.subarray(at, at + SECTOR_BYTES);
      const outcome = fate === 'mixed' ? dice(garbage ? 3 : 2) : fate === 'all' ? 1 : 0;
      if (outcome === 0) continue;
      const now = this.cached.subarray(at, at + SECTOR_BYTES);
      if (outcome === 1) old.set(now);
      else
        old.forEach((byte, index) => {
          if (byte !== now[index]) old[index] = dice(256);
        });
    }
    this.dirty.clear();
    this.cached = this.synced.slice();
    this.open();
  }
}

/** What becomes of what was not synced: everything is lost, nothing, or each on its own. */
type Fate = 'none' | 'all' | 'mixed';
const FATES: readonly Fate[] = ['none', 'all', 'mixed', 'mixed'];

/** A change of names that is not durable yet. */
type NameChange =
  | { readonly kind: 'set'; readonly name: string; readonly node: Node }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly node: Node }
  | { readonly kind: 'remove'; readonly name: string; readonly node: Node };

function apply(names: Map<string, Node>, change: NameChange): void {
  if (change.kind === 'remove') {
    if (names.get(change.name) === change.node) names.delete(change.name);
    return;
  }
  if (change.kind === 'rename') {
    if (names.get(change.from) === change.node) names.delete(change.from);
    names.set(change.to, change.node);
    return;
  }
  names.set(change.name, change.node);
}

/**
 * A disk in memory that can lose what was not synced, tear, flip, fill and fail. What it promises
 * is what {@link Disk} promises and not more: after {@link crash} each sector that was not synced,
 * and each change of a name since the directory was synced, is there or not, as the dice say.
 */
export class SimDisk implements Disk {
  /** Operations begun, in all lives. */
  operations = 0;
  capacityBytes: number;
  /**
   * From now on each write and each sync fails. Afterwards what was to be synced can be read until
   * a crash, and no later sync writes it: only the next manager's writing it again does.
   */
  isFailing = false;
  /** The next sync of a file fails so, and none after it. */
  failsOnce = false;
  /** Operations that have failed for these reasons, in all lives. */
  failures = 0;
  readonly #later: (run: () => void) => void;
  /** As programs see them. */
  #names = new Map<string, Node>();
  /** As a crash that loses all leaves them. */
  readonly #durable = new Map<string, Node>();
  #changes: NameChange[] = [];
  /** Those who ask before a crash are never answered after it. */
  #life = 0;

  constructor(options: SimDiskOptions = {}) {
    this.#later = options.later ?? ((run) => void Promise.resolve().then(run));
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** Of all files that have a name. */
  get bytesUsed(): number {
    let bytes = 0;
    for (const { cached } of this.#names.values()) bytes += cached.length;
    return bytes;
  }

  /** The power goes: what was under way will never be answered. */
  crash(dice: Dice, { garbage = false }: CrashOptions = {}): void {
    this.#life++;
    const fate = FATES[dice(FATES.length)] ?? 'mixed';
    for (const change of this.#changes) {
      if (fate === 'all' || (fate === 'mixed' && dice(2) === 1)) apply(this.#durable, change);
    }
    this.#changes = [];
    this.#names = new Map(this.#durable);
    for (const node of new Set(this.#names.values())) {
      node.crash(dice, FATES[dice(FATES.length)] ?? 'mixed', garbage);
    }
  }

  /** The process ends and the machine goes on: what was under way will never be answered. */
  abandon(): void {
    this.#life++;
    for (const node of this.#names.values()) node.open();
  }

  /** Flips a bit of what is durable, as age does. */
  flip(name: string, offset: number, bit: number): void {
    const node = this.#node(name, 'flip');
    assert(offset < node.cached.length, 'a bit to flip lies in its file');
    for (const bytes of [node.cached, node.synced]) {
      bytes[offset] = (bytes[offset] as number) ^ (1 << bit);
    }
  }

  /** Names of all files, as programs see them. */
  names(): string[] {
    return [...this.#names.keys()];
  }

  /** A copy of what a file holds now. */
  bytesOf(name: string): Uint8Array<ArrayBuffer> {
    return this.#node(name, 'look at').cached.slice();
  }

  list(): Promise<{ name: string; size: number }[]> {
    return this.#do(() =>
      [...this.#names].map(([name, { cached }]) => ({ name, size: cached.length })),
    );
  }

  create(name: string, size: number): Promise<void> {
    return this.#do(() => {
      this.#mustWork('create', name);
      this.#unlink(name);
      this.#mustFit('create', name, size);
      this.#change({ kind: 'set', name, node: new Node(new Uint8Array(size)) });
    });
  }

  write(name: string, offset: number, bytes: Uint8Array, sync: boolean): Promise<void> {
    const node = this.#names.get(name);
    if (node === undefined) return this.#do(() => void this.#node(name, 'write'));
    assert(offset + bytes.length <= node.cached.length, 'a write lies within its file');
    // A crash may find a part of it there already.
    node.write(offset, bytes);
    const before = bytes.slice();
    return this.#do(() => {
      const isSame = bytes.every((byte, index) => byte === before[index]);
      assert(isSame, 'bytes that are being written do not change');
      if (sync && (this.isFailing || this.failsOnce)) node.failSync();
      if (sync && this.failsOnce) this.#fail('sync', name);
      this.#mustWork('write', name);
      if (sync) node.sync();
    });
  }

  read(name: string, offset: number, target: Uint8Array): Promise<number> {
    return this.#do(() => {
      const { cached } = this.#node(name, 'read');
      const bytes = cached.subarray(offset, offset + target.length);
      target.set(bytes);
      return bytes.length;
    });
  }

  truncate(name: string, size: number): Promise<void> {
    return this.#do(() => {
      const node = this.#node(name, 'cut');
      this.#mustWork('cut', name);
      assert(size <= node.cached.length, 'a file is cut, not grown');
      node.truncate(size);
    });
  }

  put(name: string, fill: (sink: Sink) => void): Promise<void> {
    return this.#do(() => {
      this.#mustWork('write', name);
      this.#unlink(name);
      const pieces: Uint8Array[] = [];
      fill((bytes) => pieces.push(bytes.slice()));
      const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
      this.#mustFit('write', name, size);
      const bytes = new Uint8Array(size);
      let at = 0;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      this.#change({ kind: 'set', name, node: new Node(bytes) });
    });
  }

  get<T>(name: string, use: (source: Source, size: number) => T): Promise<T> {
    return this.#do(() => {
      const { cached } = this.#node(name, 'read');
      let at = 0;
      const source: Source = (target) => {
        const bytes = cached.subarray(at, at + target.length);
        target.set(bytes);
        at += bytes.length;
        return bytes.length;
      };
      return use(source, cached.length);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do(() => {
      const node = this.#node(from, 'rename');
      this.#change({ kind: 'rename', from, to, node });
    });
  }

  remove(name: string): Promise<void> {
    return this.#do(() => {
      this.#node(name, 'remove');
      this.#unlink(name);
    });
  }

  syncDirectory(): Promise<void> {
    return this.#do(() => {
      this.#mustWork('sync', 'the directory');
      for (const change of this.#changes) apply(this.#durable, change);
      this.#changes = [];
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Does something when its time has come, unless a crash comes first. */
  #do<T>(action: () => T): Promise<T> {
    const life = this.#life;
    this.operations++;
    return new Promise((resolve, reject) => {
      this.#later(() => {
        if (life !== this.#life) return;
        try {
          resolve(action());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #change(change: NameChange): void {
    apply(this.#names, change);
    this.#changes.push(change);
  }

  #unlink(name: string): void {
    const node = this.#names.get(name);
    if (node !== undefined) this.#change({ kind: 'remove', name, node });
  }

  #node(name: string, action: string): Node {
    const node = this.#names.get(name);
    if (node !== undefined) return node;
    refuse('file-error', `Cannot ${action} "${name}": there is no such file`, {
      path: name,
      system: 'ENOENT',
    });
  }

  #mustWork(action: string, name: string): void {
    if (this.isFailing) this.#fail(action, name);
  }

  #fail(action: string, name: string): never {
    this.failures++;
    this.failsOnce = false;
    const system = 'EIO';
    refuse('file-error', `Cannot ${action} "${name}": the disk fails`, { path: name, system });
  }

  #mustFit(action: string, name: string, size: number): void {
    if (this.bytesUsed + size <= this.capacityBytes) return;
    refuse('disk-full', `Cannot ${action} "${name}": no space is left`, { path: name, size });
  }
}
