/**
 * Fields handed over in files of one directory, with the calls of a pool. A file holds a group of
 * objects; it gets its name when all of them are in it, and consumers notice that at once
 * (inotify). Files stay until somebody removes the directory.
 */
import { existsSync, type FSWatcher, mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type {
  FieldArrays,
  FieldAttributes,
  FieldDtype,
  FieldObject,
  FieldOptions,
  FieldPool,
  FieldPromise,
  ReceivedField,
} from './exchange.js';
import { FieldFile, FieldFileWriter } from './field-file.js';

/** The file that an object goes into. */
export interface FileGroup {
  readonly name: string;
  /** Objects in it: the last one makes it visible. */
  readonly count: number;
}

export interface FileExchangeOptions {
  readonly directory: string;
  readonly groupOf: (name: string) => FileGroup;
}

const DRAFTS = 'drafts';
/** Arrays kept for the next field of their size. */
const SPARES_MAX = 16;

/** Memory of this process, used again. */
class Spares {
  readonly #buffers: ArrayBuffer[] = [];

  take(size: number): ArrayBuffer {
    const index = this.#buffers.findIndex((buffer) => buffer.byteLength === size);
    const [buffer] = index < 0 ? [] : this.#buffers.splice(index, 1);
    return buffer ?? new ArrayBuffer(size);
  }

  giveBack(buffer: ArrayBuffer): void {
    if (this.#buffers.length < SPARES_MAX) this.#buffers.push(buffer);
  }
}

interface Waiter {
  readonly name: string;
  readonly resolve: (field: ReceivedField) => void;
  readonly reject: (error: unknown) => void;
}

class FileExchange implements FieldPool {
  readonly #directory: string;
  readonly #groupOf: (name: string) => FileGroup;
  readonly #spares = new Spares();
  readonly #writers = new Map<string, FieldFileWriter>();
  /** Demands by the name of the file that is to come. */
  readonly #waiters = new Map<string, Waiter[]>();
  #watcher: FSWatcher | undefined;

  constructor({ directory, groupOf }: FileExchangeOptions) {
    this.#directory = directory;
    this.#groupOf = groupOf;
    mkdirSync(join(directory, DRAFTS), { recursive: true });
  }

  object<D extends FieldDtype = 'float32'>(
    name: string,
    options: FieldOptions<D> = {},
  ): FieldObject<D> {
    return new FileObject<D>(this, name, options);
  }

  /** Files can promise nothing: who waits for a dead writer waits. */
  promise(): Promise<FieldPromise> {
    return Promise.resolve({ close: () => Promise.resolve() });
  }

  leave(): Promise<void> {
    this.#watcher?.close();
    return Promise.resolve();
  }

  takeBuffer(size: number): ArrayBuffer {
    return this.#spares.take(size);
  }

  /** Adds an object to its file, and shows the file when it is the last. */
  write(name: string, attributes: FieldAttributes, buffer: ArrayBuffer): void {
    const group = this.#groupOf(name);
    const file = fileName(group);
    const draft = join(this.#directory, DRAFTS, file);
    const writer = this.#writers.get(file) ?? new FieldFileWriter(draft);
    writer.append(name, attributes, new Uint8Array(buffer));
    this.#spares.giveBack(buffer);
    if (writer.count < group.count) {
      this.#writers.set(file, writer);
      return;
    }
    this.#writers.delete(file);
    writer.finish(join(this.#directory, file));
  }

  receive(name: string): Promise<ReceivedField> {
    // Watch first, look then: a file that comes in between is noticed twice, never missed.
    this.#watcher ??= watch(this.#directory, (event, file) => {
      if (event === 'rename' && file !== null) this.#arrive(file);
    });
    const file = fileName(this.#groupOf(name));
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(file);
      const waiter = { name, resolve, reject };
      if (waiters === undefined) this.#waiters.set(file, [waiter]);
      else waiters.push(waiter);
      if (existsSync(join(this.#directory, file))) this.#arrive(file);
    });
  }

  #arrive(name: string): void {
    const waiters = this.#waiters.get(name);
    if (waiters === undefined) return;
    this.#waiters.delete(name);
    this.#serve(name, waiters).catch((error: unknown) => {
      for (const waiter of waiters) waiter.reject(error);
    });
  }

  async #serve(name: string, waiters: readonly Waiter[]): Promise<void> {
    const file = new FieldFile(join(this.#directory, name));
    try {
      for (const waiter of waiters) {
        waiter.resolve(this.#read(file, waiter.name));
        // Who has its fields works with them before the next one is read.
        await turn();
      }
    } finally {
      file.close();
    }
  }

  #read(file: FieldFile, name: string): ReceivedField {
    const entry = file.entry(name);
    const buffer = this.#spares.take(entry.size);
    const bytes = new Uint8Array(buffer);
    file.read(entry, bytes);
    return {
      name,
      attributes: entry.attributes,
      array: new Float32Array(buffer, 0, Math.floor(buffer.byteLength / 4)),
      unsafeBytes: () => bytes,
      dispose: () => {
        this.#spares.giveBack(buffer);
        return Promise.resolve();
      },
    };
  }
}

class FileObject<D extends FieldDtype> implements FieldObject<D> {
  readonly name: string;
  readonly #exchange: FileExchange;
  readonly #dtype: FieldDtype;
  readonly #size: number;
  #attributes: FieldAttributes;
  #buffer: ArrayBuffer | undefined;

  constructor(exchange: FileExchange, name: string, { attributes = {}, space }: FieldOptions<D>) {
    this.name = name;
    this.#exchange = exchange;
    this.#attributes = attributes;
    const { dtype = 'float32', shape = [0] } = space ?? {};
    const count = shape.reduce((product, size) => product * size, 1);
    this.#dtype = dtype;
    this.#size = count * (dtype === 'float32' ? Float32Array.BYTES_PER_ELEMENT : 1);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory);
  }

  get array(): FieldArrays[D] {
    const memory = this.#memory;
    const array = this.#dtype === 'float32' ? new Float32Array(memory) : new Uint8Array(memory);
    return array as FieldArrays[D];
  }

  allocate(): Promise<void> {
    this.#buffer ??= this.#exchange.takeBuffer(this.#size);
    return Promise.resolve();
  }

  set({ attributes }: { readonly attributes: FieldAttributes }): Promise<void> {
    this.#attributes = { ...this.#attributes, ...attributes };
    return Promise.resolve();
  }

  async handOver(): Promise<void> {
    const buffer = this.#memory;
    this.#buffer = undefined;
    this.#exchange.write(this.name, this.#attributes, buffer);
  }

  require(): Promise<void> {
    return Promise.resolve();
  }

  demand(): Promise<ReceivedField> {
    return this.#exchange.receive(this.name);
  }

  get #memory(): ArrayBuffer {
    this.#buffer ??= this.#exchange.takeBuffer(this.#size);
    return this.#buffer;
  }
}

function fileName(group: FileGroup): string {
  return `${group.name.replaceAll('/', ',')}.fields`;
}

/** Ways to hand over fields in files; the directory is made if it is not there. */
export function openFiles(options: FileExchangeOptions): FieldPool {
  return new FileExchange(options);
}
