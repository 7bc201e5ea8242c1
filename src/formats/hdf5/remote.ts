import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { assert } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { type Answered, type Asked, settle } from '../../core/thread-answers.js';
import { readInBlocks, writeRowsInBlocks } from '../blocks.js';
import type { Block } from '../chunking.js';
import { type Dataset, shapeOf, type Variable } from '../dataset.js';
import { elementSize } from '../element-size.js';
import type { Hdf5Dataset, Hdf5Layout, Hdf5Skipped, Hdf5Storage } from './layout.js';

/** What a thread with a file is asked. */
export type Call =
  | { readonly kind: 'open'; readonly path: string }
  | { readonly kind: 'read'; readonly place: number; readonly block: Block }
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly dataset: Dataset;
      readonly layout: Hdf5Layout;
    }
  | {
      readonly kind: 'write';
      readonly place: number;
      readonly block: Block;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'close' };

/** Of a variable; null where it lies in one piece. */
type Chunks = readonly number[] | null;

export type Result =
  | {
      readonly kind: 'opened';
      readonly dataset: Hdf5Dataset;
      readonly skipped: readonly Hdf5Skipped[];
    }
  | { readonly kind: 'read'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'created'; readonly chunks: readonly Chunks[] }
  | { readonly kind: 'done' };

interface Waiting {
  readonly timer: NodeJS.Timeout;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread's file: beside this one, or beside the bundled command (scripts/setup.mjs). */
function threadUrl(): URL {
  const files = ['./thread.js', './attacca-hdf5.js'];
  const urls = files.map((file) => new URL(file, import.meta.url));
  return urls.find((url) => existsSync(url)) ?? (urls[0] as URL);
}

/** A thread with one file, and who waits for what of it. */
class Thread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #path: string;
  readonly #msMax: number;
  #ended: Error | null = null;
  #next = 1;

  constructor(path: string, msMax: number) {
    this.#path = path;
    this.#msMax = msMax;
    this.#worker = new Worker(threadUrl(), { execArgv: [], name: 'attacca hdf5' });
    this.#worker.on('message', (told: Answered<Result>) => {
      const waiting = this.#waiting.get(told.id);
      this.#waiting.delete(told.id);
      clearTimeout(waiting?.timer);
      if (waiting !== undefined) settle(told, waiting.resolve, waiting.reject);
    });
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.on('exit', () => this.#end(new Error('its thread has ended')));
  }

  call<K extends Result['kind']>(
    kind: K,
    call: Call,
    moved: readonly ArrayBuffer[] = [],
  ): Promise<Extract<Result, { kind: K }>> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        timer: setTimeout(() => this.#stop(), this.#msMax),
        resolve: (result) => {
          assert(result.kind === kind, `a thread answers "${call.kind}" with "${kind}"`);
          resolve(result as Extract<Result, { kind: K }>);
        },
        reject,
      });
      const told: Asked<Call> = { id, call };
      this.#worker.postMessage(told, moved);
    });
  }

  /** Behind a call that does not end no other begins. A slow disk looks like a damaged file. */
  #stop(): void {
    const why = `HDF5 came to no end with it within ${this.#msMax / 1_000} s`;
    const message = `Cannot go on with "${this.#path}": ${why}`;
    const fields = { path: this.#path, system: 'ETIMEDOUT' };
    this.#end(new AttaccaError('file-error', message, fields));
    void this.#worker.terminate();
  }

  #end(cause: Error): void {
    const isTold = cause instanceof AttaccaError;
    const message = `Cannot go on with "${this.#path}": ${cause.message}`;
    const fields = { file: this.#path };
    this.#ended ??= isTold ? cause : new AttaccaError('internal', message, fields, { cause });
    for (const { timer, reject } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(this.#ended);
    }
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** An HDF5 file that a thread has open for reading: see `Hdf5File`. */
export class Hdf5Reader implements AsyncDisposable {
  readonly dataset: Hdf5Dataset;
  readonly skipped: readonly Hdf5Skipped[];
  readonly #thread: Thread;

  private constructor(thread: Thread, opened: Extract<Result, { kind: 'opened' }>) {
    this.#thread = thread;
    this.dataset = opened.dataset;
    this.skipped = opened.skipped;
  }

  /** `file-error`, or `not-a-netcdf-file` for what is no HDF5 file, or is damaged. */
  static async open(path: string, msMax: number = LIMITS.hdf5CallMsMax): Promise<Hdf5Reader> {
    const thread = new Thread(path, msMax);
    try {
      return new Hdf5Reader(thread, await thread.call('opened', { kind: 'open', path }));
    } catch (error) {
      await thread[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Fills `into` with all of the variable at this place, in row order: see `readInBlocks`. */
  async readInto(
    place: number,
    into: Uint8Array,
    done: (bytes: number) => void = () => {},
  ): Promise<void> {
    const { variables, layout } = this.dataset;
    const { chunks } = layout.variables[place] as Hdf5Storage;
    const read = (block: Block) => this.readBlock(place, block);
    const { type } = variables[place] as Variable;
    const shape = shapeOf(this.dataset, place);
    await readInBlocks({ shape, chunks, itemSize: elementSize(type) }, into, read, done);
  }

  /** A block of the variable at this place, in memory of its own. */
  async readBlock(place: number, block: Block): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes } = await this.#thread.call('read', { kind: 'read', place, block });
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }
}

/** An HDF5 file that a thread writes: see `Hdf5Writer`. */
export class Hdf5FileWriter implements AsyncDisposable {
  readonly #thread: Thread;
  readonly #dataset: Dataset;
  readonly #chunks: readonly Chunks[];

  private constructor(thread: Thread, dataset: Dataset, chunks: readonly Chunks[]) {
    this.#thread = thread;
    this.#dataset = dataset;
    this.#chunks = chunks;
  }

  /** Makes the file, which must not be there. */
  static async create(
    path: string,
    dataset: Dataset,
    layout: Hdf5Layout,
    msMax: number = LIMITS.hdf5CallMsMax,
  ): Promise<Hdf5FileWriter> {
    const thread = new Thread(path, msMax);
    try {
      const call = { kind: 'create', path, dataset, layout } as const;
      const { chunks } = await thread.call('created', call);
      return new Hdf5FileWriter(thread, dataset, chunks);
    } catch (error) {
      await thread[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Rows that are best written together. */
  rowsTogether(place: number): number {
    return this.#chunks[place]?.[0] ?? 1;
  }

  /** Puts whole rows into the variable at this place. The bytes stay the caller's. */
  async writeRows(place: number, from: number, rows: Uint8Array): Promise<void> {
    const shape = shapeOf(this.#dataset, place);
    const { type } = this.#dataset.variables[place] as Variable;
    const [chunks, itemSize] = [this.#chunks[place] ?? null, elementSize(type)];
    await writeRowsInBlocks({ shape, chunks, itemSize }, from, rows, async (block, bytes) => {
      await this.#thread.call('done', { kind: 'write', place, block, bytes }, [bytes.buffer]);
    });
  }

  /** Ends the file: what fails here was not written. */
  async close(): Promise<void> {
    await this.#thread.call('done', { kind: 'close' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }
}
