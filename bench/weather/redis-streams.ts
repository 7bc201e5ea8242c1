/**
 * The weather workflow over streams of Redis, values inside: for `--via module:` of the example.
 * Each object is an entry with its name, its attributes and its bytes. Consumers read with XREAD
 * BLOCK and acknowledge; what all readers of a stream have got is trimmed; a producer waits while a
 * stream is longer than it should get.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type {
  FieldArrays,
  FieldAttributes,
  FieldDtype,
  FieldObject,
  FieldOptions,
  FieldPool,
  FieldPromise,
  ReceivedField,
} from '../../examples/weather/exchange/exchange.js';
import type { ServedExchange } from '../../examples/weather/exchange/module.js';
import { SETPRIV } from '../harness/crew.js';
import { redisCommand, redisListens } from '../rivals/redis.js';
import { connectRedis, type RawClient, type RedisClient, rawOf } from './redis-client.js';
import { ACKNOWLEDGE, readersOf, streamOf } from './streams.js';

const SOCKET = 'BENCH_WEATHER_REDIS';
/** Entries of each stream in one answer; the next are asked for while these are worked on. */
const COUNT = 16;
/** What a stream may hold that some reader has not got; looked at after so many entries. */
const STREAM_BYTES = 256 << 20;
const LOOK_AFTER = 16;
const FULL_MS = 1;
const SPARES_MAX = 64;

/** A stream of this producer: how many entries it has added, and whether it waits for room. */
interface Outlet {
  added: number;
  room: Promise<void> | null;
}

interface Waiter {
  readonly resolve: (field: ReceivedField) => void;
  readonly reject: (error: unknown) => void;
}

/** An object that this program has required, once or more often. */
interface Wanted {
  /** Demands that are still to be served. */
  left: number;
  readonly waiters: Waiter[];
  field: ReceivedField | null;
}

class StreamExchange implements FieldPool {
  readonly #name: string;
  readonly #client: RedisClient;
  readonly #spares: ArrayBuffer[] = [];
  readonly #outlets = new Map<string, Outlet>();
  /** The streams that are read, with the last id that has come. */
  readonly #positions = new Map<string, string>();
  readonly #wanted = new Map<string, Wanted>();
  #reader: RedisClient | null = null;

  constructor(name: string, client: RedisClient) {
    this.#name = name;
    this.#client = client;
  }

  object<D extends FieldDtype = 'float32'>(
    name: string,
    options: FieldOptions<D> = {},
  ): FieldObject<D> {
    return new StreamObject<D>(this, name, options);
  }

  /** Redis promises nothing: who waits for a dead producer waits. */
  promise(): Promise<FieldPromise> {
    return Promise.resolve({ close: () => Promise.resolve() });
  }

  async leave(): Promise<void> {
    const reader = this.#reader;
    this.#reader = null;
    reader?.destroy();
    await this.#client.close();
  }

  takeBuffer(size: number): ArrayBuffer {
    const index = this.#spares.findIndex((buffer) => buffer.byteLength === size);
    const [buffer] = index < 0 ? [] : this.#spares.splice(index, 1);
    return buffer ?? new ArrayBuffer(size);
  }

  async add(name: string, attributes: FieldAttributes, buffer: ArrayBuffer): Promise<void> {
    const stream = streamOf(name);
    await this.#outlets.get(stream)?.room;
    const message = { n: name, a: JSON.stringify(attributes), v: Buffer.from(buffer) };
    const added = this.#client.xAdd(stream, '*', message);
    this.#seeToRoom(stream, buffer.byteLength);
    await added;
    if (this.#spares.length < SPARES_MAX) this.#spares.push(buffer);
  }

  /** From now on nothing of its stream is trimmed before it has come here. */
  async require(name: string): Promise<void> {
    const wanted = this.#wanted.get(name) ?? { left: 0, waiters: [], field: null };
    wanted.left++;
    this.#wanted.set(name, wanted);
    const stream = streamOf(name);
    if (this.#positions.has(stream)) return;
    this.#positions.set(stream, '0-0');
    await this.#client.hSet(readersOf(stream), this.#name, '0-0');
  }

  receive(name: string): Promise<ReceivedField> {
    if (this.#reader === null) {
      this.#reader = this.#client.duplicate();
      this.#readAll(this.#reader).catch((error: unknown) => this.#fail(error));
    }
    return new Promise((resolve, reject) => {
      const wanted = this.#wanted.get(name);
      if (wanted === undefined) {
        reject(new Error(`Cannot receive "${name}": it was not required`));
        return;
      }
      wanted.waiters.push({ resolve, reject });
      this.#serve(name, wanted);
    });
  }

  #fail(error: unknown): void {
    for (const { waiters } of this.#wanted.values()) {
      for (const { reject } of waiters.splice(0)) reject(error);
    }
  }

  /** Sees to it that a stream does not grow without an end; Redis itself would let it. */
  #seeToRoom(stream: string, bytes: number): void {
    const outlet = this.#outlets.get(stream) ?? { added: 0, room: null };
    this.#outlets.set(stream, outlet);
    if (outlet.added++ % LOOK_AFTER > 0) return;
    const entriesMax = Math.max(LOOK_AFTER, Math.floor(STREAM_BYTES / bytes));
    outlet.room = this.#waitForRoom(stream, entriesMax);
    // Who adds next waits for it, and hears of a failure.
    outlet.room.catch(() => {});
  }

  async #waitForRoom(stream: string, entriesMax: number): Promise<void> {
    while ((await this.#client.xLen(stream)) > entriesMax) await sleep(FULL_MS);
  }

  async #readAll(reader: RedisClient): Promise<void> {
    reader.on('error', () => {});
    await reader.connect();
    const raw = rawOf(reader);
    let coming = this.#read(raw);
    let acknowledged: Promise<unknown> = Promise.resolve();
    while (this.#reader !== null) {
      const batch = await coming.catch((error: unknown) => {
        if (this.#reader === null) return [];
        throw error;
      });
      for (const { stream, entries } of batch) {
        this.#positions.set(stream, entries.at(-1)?.id ?? '0-0');
      }
      coming = this.#read(raw);
      coming.catch(() => {});
      for (const { entries } of batch) for (const entry of entries) await this.#arrive(entry);
      await acknowledged;
      acknowledged = this.#acknowledge(batch.map(({ stream }) => stream));
      acknowledged.catch(() => {});
    }
  }

  async #read(raw: RawClient): Promise<Batch[]> {
    const words = ['XREAD', 'COUNT', `${COUNT}`, 'BLOCK', '0', 'STREAMS'];
    const streams = [...this.#positions.keys()];
    const reply = await raw.sendCommand([...words, ...streams, ...this.#positions.values()]);
    return (reply as RawReply).map(([stream, entries]) => ({
      stream: String(stream),
      entries: entries.map(([id, [, name, , attributes, , value]]) => ({
        id: String(id),
        name: String(name),
        attributes,
        value,
      })),
    }));
  }

  async #arrive({ name, attributes, value }: Entry): Promise<void> {
    // A stream has more than one reader wants.
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return;
    wanted.field = fieldOf(name, attributes, value);
    this.#serve(name, wanted);
    // Who has its fields works with them before the next one comes.
    await turn();
  }

  #serve(name: string, wanted: Wanted): void {
    const { field, waiters } = wanted;
    if (field === null) return;
    for (const { resolve } of waiters.splice(0)) {
      resolve(field);
      wanted.left--;
    }
    if (wanted.left === 0) this.#wanted.delete(name);
  }

  async #acknowledge(streams: readonly string[]): Promise<void> {
    await Promise.all(
      streams.map((stream) =>
        this.#client.eval(ACKNOWLEDGE, {
          keys: [stream, readersOf(stream)],
          arguments: [this.#name, this.#positions.get(stream) ?? '0-0'],
        }),
      ),
    );
  }
}

/** As Redis answers: streams of entries of an id and fields: n, name, a, attributes, v, value. */
type RawEntry = [id: Buffer, fields: [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer<ArrayBuffer>]];
type RawReply = [stream: Buffer, entries: RawEntry[]][];

interface Entry {
  readonly id: string;
  readonly name: string;
  readonly attributes: Buffer;
  readonly value: Buffer<ArrayBuffer>;
}

interface Batch {
  readonly stream: string;
  readonly entries: readonly Entry[];
}

function fieldOf(name: string, attributes: Buffer, value: Buffer<ArrayBuffer>): ReceivedField {
  // A small value lies anywhere in what the socket gave; floats must lie at a multiple of 4.
  const aligned = value.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0;
  const bytes = aligned ? value : new Uint8Array(value);
  const count = Math.floor(bytes.length / Float32Array.BYTES_PER_ELEMENT);
  return {
    name,
    attributes: JSON.parse(attributes.toString()) as Record<string, unknown>,
    array: new Float32Array(bytes.buffer, bytes.byteOffset, count),
    unsafeBytes: () => bytes,
    dispose: () => Promise.resolve(),
  };
}

class StreamObject<D extends FieldDtype> implements FieldObject<D> {
  readonly name: string;
  readonly #exchange: StreamExchange;
  readonly #dtype: FieldDtype;
  readonly #size: number;
  #attributes: FieldAttributes;
  #buffer: ArrayBuffer | undefined;
  #offered: Promise<void> = Promise.resolve();

  constructor(exchange: StreamExchange, name: string, { attributes, space }: FieldOptions<D>) {
    this.name = name;
    this.#exchange = exchange;
    this.#attributes = attributes ?? {};
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
    this.#offered = this.#exchange.add(this.name, this.#attributes, buffer);
    await this.#offered;
  }

  /**
   * A large value takes many turns of the event loop to leave, and node-redis writes a turn later:
   * a producer that went on to compute would hold back what it has offered. So it waits, as those
   * do who write `await client.xAdd(...)`.
   */
  sent(): Promise<void> {
    return this.#offered;
  }

  require(): Promise<void> {
    return this.#exchange.require(this.name);
  }

  demand(): Promise<ReceivedField> {
    return this.#exchange.receive(this.name);
  }

  get #memory(): ArrayBuffer {
    this.#buffer ??= this.#exchange.takeBuffer(this.#size);
    return this.#buffer;
  }
}

/** For each program of the workflow. */
export async function open({ name }: { readonly name: string }): Promise<FieldPool> {
  const socket = process.env[SOCKET];
  if (socket === undefined) throw new Error(`Cannot open the streams: ${SOCKET} is not set`);
  return new StreamExchange(name, await connectRedis(socket));
}

/** A Redis for one run of the workflow; it ends with this process. */
export async function serve(): Promise<ServedExchange> {
  const directory = mkdtempSync(join(tmpdir(), 'attacca-weather-redis-'));
  const socket = join(directory, 'socket');
  const words = redisCommand({ socket, directory });
  const tied = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', ...words] : words;
  const server = spawn(tied[0] ?? '', tied.slice(1), { stdio: 'ignore' });
  const close = async (): Promise<void> => {
    await endOf(server);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const failed = new Promise<never>((_, reject) => server.once('error', reject));
    await Promise.race([redisListens(socket), failed]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    env: { [SOCKET]: socket },
    pids: server.pid === undefined ? [] : [server.pid],
    description: [`a Redis without persistence: ${socket}`],
    close,
  };
}

async function endOf(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  server.kill('SIGKILL');
  await ended;
}
