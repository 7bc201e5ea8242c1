import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { type Answered, type Asked, settle } from '../core/thread-answers.js';
import { newBytes } from '../levels/shm/large-pages.js';
import { type Libc, tryLoadLibc } from '../levels/shm/native.js';
import type { Block } from '../transforms/chain.js';
import { type Job, type Memory, perform } from '../transforms/jobs.js';
import type { SpecOf } from '../transforms/spec.js';
import { abortedError } from './errors.js';
import { throwIfAborted } from './waiting.js';

/** What a thread is told, and what it tells. */
export type ToThread = Asked<Job>;
export type FromThread = Answered<number | Block | Uint8Array>;

/**
 * Jobs that touch fewer bytes are done at once, here. To give one to a thread and hear of its end
 * takes some 60 us, laying a buffer over memory that the thread has not seen a millisecond, and the
 * first one 50 to 100 ms. So many bytes are turned in 5 ms, and copied in one.
 */
const THREAD_BYTES_MIN = 4 * 1024 * 1024;

/** Of a thread for code that may be anything: its heap; WebAssembly's memory is bound by itself. */
const ALONE_HEAP_MIB = 64;

/** For errors. */
const WHAT = 'transform';

/**
 * A thread's file: beside this one, or beside the bundled command (scripts/setup.mjs). Null where
 * somebody has bundled this file by itself: then there are no threads.
 */
function threadUrl(): URL | null {
  const files = ['./transform-thread.js', './attacca-transform.js'];
  return files.map((file) => new URL(file, import.meta.url)).find((url) => existsSync(url)) ?? null;
}

interface Waiting {
  readonly job: Job;
  readonly resolve: (result: number | Block | Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  /** What the job reads and fills: not collected before its end. */
  readonly kept: readonly Uint8Array[];
  /** When it has fired before a thread is free, the job is not done. */
  readonly signal: AbortSignal | undefined;
}

/** A thread, and what it does. */
interface Thread {
  readonly worker: Worker;
  /** Ended before that, a thread that loads koffi would end the process. */
  isLoaded: boolean;
  id: number;
  doing: Waiting | null;
}

/**
 * The threads of a client that copy and transform: made when there is something large to do, one a
 * core; idle ones do not keep the process. Memory is not sent to them: they see it where it lies.
 * Where that cannot be (no koffi), jobs are done on this thread.
 */
export class Threads {
  readonly #threads: Thread[] = [];
  readonly #queue: Waiting[] = [];
  readonly #bytesMin: number;
  readonly #url = threadUrl();
  #libc: Promise<Libc | null> | null = null;
  /** Users' code that runs, and who waits for his turn. */
  #alone = 0;
  readonly #aloneLine: (() => void)[] = [];
  #next = 1;
  #isClosed = false;

  constructor(bytesMin = THREAD_BYTES_MIN) {
    this.#bytesMin = bytesMin;
  }

  /** Whether work on so many bytes is done at once, by who asks. */
  areFewBytes(bytes: number): boolean {
    return bytes < this.#bytesMin;
  }

  /** Into how many jobs work on so many bytes is best cut. */
  piecesFor(bytes: number): number {
    if (bytes < this.#bytesMin) return 1;
    // A few for each thread: one that is slow, as cores are shared, is not waited for long.
    return Math.min(4 * threadsMax(), Math.max(1, Math.floor(bytes / (this.#bytesMin / 2))));
  }

  /** Memory for what jobs make: new, and in large pages where it is much. */
  async newBytes(size: number): Promise<Uint8Array<ArrayBuffer>> {
    if (size >= this.#bytesMin) this.#libc ??= tryLoadLibc();
    return newBytes(await this.#libc, size);
  }

  /**
   * Does a job that touches `bytes`. `make` gets what turns bytes into memory that the job may
   * name; they must not be written to, nor those that are filled read, until this returns. The
   * signal ends it as long as no thread has it. Errors: those of the job; `transform-failed` when
   * the thread ends, `wait-limit` when too many wait, `aborted`.
   */
  async run(
    bytes: number,
    make: (memoryOf: (bytes: Uint8Array) => Memory) => Job,
    signal?: AbortSignal,
  ): Promise<number | Block | Uint8Array> {
    throwIfAborted(WHAT, signal);
    const kept: Uint8Array[] = [];
    if (bytes >= this.#bytesMin && this.#url !== null && !this.#isClosed) {
      this.#libc ??= tryLoadLibc();
      const libc = await this.#libc;
      if (libc !== null) {
        const job = make((each) => {
          kept.push(each);
          const { buffer, byteOffset: offset, length: size } = each;
          const address = size === 0 ? 0n : libc.addressOf(each) - BigInt(offset);
          return { address, length: buffer.byteLength, offset, size };
        });
        return await this.#give(job, kept, signal);
      }
    }
    // Their places in a list are the addresses.
    const job = make((each) => {
      kept.push(each);
      const { length } = each;
      return { address: BigInt(kept.length - 1), length, offset: 0, size: length };
    });
    return await perform(job, ({ address }) => kept[Number(address)] as Uint8Array);
  }

  /**
   * Calls a user's WebAssembly in a thread of its own, which is ended at its time limit
   * (`transform-timeout`), or when the signal fires. As many run at a time as there are threads.
   */
  async runAlone(
    spec: SpecOf<'wasm'>,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    if (this.#aloneLine.length >= LIMITS.transformJobsMax) throw tooMuch();
    if (this.#alone >= threadsMax()) {
      await new Promise<void>((resolve) => this.#aloneLine.push(resolve));
    } else this.#alone++;
    try {
      throwIfAborted(WHAT, signal);
      return await this.#runAlone(spec, bytes, signal);
    } finally {
      // Who waits has the place.
      const next = this.#aloneLine.shift();
      if (next === undefined) this.#alone--;
      else next();
    }
  }

  async #runAlone(
    spec: SpecOf<'wasm'>,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const timeoutMs = spec.timeoutMs ?? LIMITS.wasmMsDefault;
    if (this.#url === null) throw threadFailed('no file of a thread lies beside this program');
    // A view would be sent with all of its buffer, which may be a slab.
    const own = new Uint8Array(bytes);
    const alone = { ...spec, module: new Uint8Array(spec.module) };
    const worker = new Worker(this.#url, {
      execArgv: [],
      name: 'attacca wasm',
      workerData: { isAlone: true },
      resourceLimits: { maxOldGenerationSizeMb: ALONE_HEAP_MIB },
    });
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<Uint8Array>((resolve, reject) => {
        onAbort = (): void => {
          if (signal !== undefined) reject(abortedError(WHAT, signal));
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        const isLate = (): void => {
          const message = `Cannot run the transform "wasm": it did not end within ${timeoutMs} ms`;
          reject(new AttaccaError('transform-timeout', message, { timeoutMs }));
        };
        // What it takes to begin a thread is not its own.
        worker.once('online', () => {
          timer = setTimeout(isLate, timeoutMs);
        });
        worker.once('error', (error) => reject(threadFailed(error.message, error)));
        worker.once('exit', (code) => reject(threadFailed(`its thread ended (${code})`)));
        worker.once('message', (told: FromThread) => {
          settle(told, (result) => resolve(result as Uint8Array), reject);
        });
        const job: Job = { kind: 'wasm', spec: alone, bytes: own };
        worker.postMessage({ id: 0, call: job } satisfies ToThread, [own.buffer]);
      });
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      await worker.terminate();
    }
  }

  /** Ends all threads; what they do fails. */
  close(): void {
    this.#isClosed = true;
    for (const { worker, isLoaded } of this.#threads) if (isLoaded) void worker.terminate();
    for (const { reject } of this.#queue.splice(0)) reject(threadFailed('the client was closed'));
  }

  #give(
    job: Job,
    kept: readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<number | Block | Uint8Array> {
    if (this.#queue.length >= LIMITS.transformJobsMax) throw tooMuch();
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject, kept, signal });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const idle = this.#threads.find(({ doing }) => doing === null) ?? this.#begin();
      if (idle === null) return;
      const waiting = this.#queue.shift() as Waiting;
      const { signal } = waiting;
      if (signal?.aborted === true) {
        waiting.reject(abortedError(WHAT, signal));
        continue;
      }
      idle.doing = waiting;
      idle.id = this.#next++;
      // While it works the process goes on.
      idle.worker.ref();
      idle.worker.postMessage({ id: idle.id, call: waiting.job } satisfies ToThread);
    }
  }

  #begin(): Thread | null {
    if (this.#threads.length >= threadsMax() || this.#isClosed || this.#url === null) return null;
    const worker = new Worker(this.#url, {
      execArgv: [],
      name: 'attacca transform',
      workerData: { isAlone: false },
    });
    const thread: Thread = { worker, isLoaded: false, id: 0, doing: null };
    this.#threads.push(thread);
    let failure: unknown;
    worker.on('error', (error) => {
      failure = error;
    });
    worker.once('exit', (code) => {
      this.#threads.splice(this.#threads.indexOf(thread), 1);
      const { doing } = thread;
      thread.doing = null;
      // Only now: before its end the thread may still have written to the memory of the job.
      doing?.reject(threadFailed(`its thread ended (${code})`, failure));
      this.#dispatch();
    });
    worker.on('message', (told: FromThread | 'loaded') => {
      if (told === 'loaded') {
        thread.isLoaded = true;
        if (this.#isClosed) void worker.terminate();
        return;
      }
      const { doing } = thread;
      if (doing === null || told.id !== thread.id) return;
      thread.doing = null;
      worker.unref();
      settle(told, doing.resolve, doing.reject);
      this.#dispatch();
    });
    return thread;
  }
}

function threadsMax(): number {
  return Math.min(availableParallelism(), LIMITS.transformThreadsMax);
}

function tooMuch(): AttaccaError {
  const { transformJobsMax } = LIMITS;
  return new AttaccaError('wait-limit', `Cannot ${WHAT}: ${transformJobsMax} pieces wait already`);
}

function threadFailed(why: string, cause?: unknown): AttaccaError {
  return new AttaccaError('transform-failed', `Cannot transform: ${why}`, {}, { cause });
}
