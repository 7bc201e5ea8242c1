import { makePromise, type PoolPromise } from '../../client/pool-promise.js';
import type { PoolView } from '../../client/pool-view.js';
import type { Seat } from '../../client/seat.js';
import { AttaccaError } from '../../core/errors.js';
import { quoted } from '../format.js';
import { type Located, locate } from '../pool/located.js';
import type { PutOptions, Store } from '../pool/store.js';
import { shellQuote } from '../shell-quote.js';
import { type Output, offerOutputs, stateBefore } from './collect.js';
import type { Forwarding } from './forwarding.js';
import { placeInput, unplaceInput } from './place.js';
import { type ProgramEnd, RunningProgram } from './program.js';
import { Scratch } from './scratch.js';
import { type ExecSpec, fillIn, isNpy } from './spec.js';

interface TaskSurroundings {
  readonly seat: Seat;
  readonly view: PoolView;
  readonly store: Store;
  readonly forwarding: Forwarding;
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: 'inherit' | 'ignore';
  readonly stdout: 'inherit' | 'stderr';
  /** Which of our commands runs it. */
  readonly command: string;
  /** For its inputs and outputs; its signal ends the waits. */
  readonly options: PutOptions & { readonly signal: AbortSignal };
}

async function isOffered(view: PoolView, name: string): Promise<boolean> {
  try {
    return (await view.stat(name))['state'] === 'offered';
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-object') return false;
    throw error;
  }
}

function alreadyOffered(name: string): AttaccaError {
  return new AttaccaError(
    'already-offered',
    `Cannot make ${quoted(name)}: it is offered already; the command was not run ` +
      '(--replace withdraws what the pool keeps)',
    { name },
  );
}

/**
 * One run of a program with objects. In order: `promise`, `acquire` (waits), `run`, and always
 * `close`. Nothing is offered unless the program ends with exit code 0.
 */
export class ExecTask {
  readonly spec: ExecSpec;
  readonly #around: TaskSurroundings;
  #inputs: readonly Located[] = [];
  #promise: PoolPromise | null = null;
  #isMade = false;
  #isClosed = false;

  constructor(spec: ExecSpec, around: TaskSurroundings) {
    this.spec = spec;
    this.#around = around;
  }

  /**
   * Tells the pool what is to come, so that who waits for it hears when it does not. Errors:
   * `already-offered`, before the program has worked for nothing.
   */
  async promise(): Promise<void> {
    const { outputs } = this.spec;
    if (outputs.length === 0) return;
    const { seat, view, options } = this.#around;
    const [promise, ...looks] = await Promise.all([
      makePromise(
        seat,
        outputs.map(({ name }) => ({ name })),
      ),
      ...(options.replace === true ? [] : outputs.map(({ name }) => isOffered(view, name))),
    ]);
    this.#promise = promise;
    if (this.#isClosed) await this.close();
    this.#isMade = options.replace !== true && looks.every((isThere) => isThere);
    const taken = outputs.find((_output, index) => looks[index] === true);
    if (taken !== undefined) throw alreadyOffered(taken.name);
  }

  /** Whether `promise` was refused because all that is to be made is there: by a run before. */
  get isMade(): boolean {
    return this.#isMade;
  }

  /** Waits for all inputs; returns when the program may start. */
  async acquire(waits: {
    readonly timeoutMs: (name: string) => number | undefined;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { seat } = this.#around;
    const { signal } = waits;
    const located = await Promise.allSettled(
      this.spec.inputs.map(({ name }) =>
        locate(seat, name, { timeoutMs: waits.timeoutMs(name), signal }),
      ),
    );
    this.#inputs = located.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    if (this.#isClosed) this.#releaseInputs();
    for (const each of located) if (each.status === 'rejected') throw each.reason;
  }

  /** Runs the program on its files, and offers what it has made. */
  async run(): Promise<ProgramEnd> {
    const { forwarding, environment, stdin, stdout, command, store, options, seat } = this.#around;
    const { spec } = this;
    const scratch = new Scratch(seat.client);
    const placed: string[] = [];
    const paths = new Map<string, string>();
    try {
      for (const [index, object] of this.#inputs.entries()) {
        const file = spec.inputs[index] ?? { name: object.name, path: null };
        const { path } = file;
        const { signal } = options;
        const made = await placeInput(object, path, { npy: isNpy(spec, file), scratch, signal });
        if (path === null) paths.set(object.name, made);
        else placed.push(path);
      }
      const outputs: Output[] = spec.outputs.map((file) => {
        const { name, path } = file;
        const npy = isNpy(spec, file);
        if (path !== null) return { name, path, npy };
        const made = scratch.path(name, npy ? '.npy' : '');
        paths.set(name, made);
        return { name, path: made, npy };
      });
      const before = stateBefore(outputs);
      options.signal.throwIfAborted();
      const program = new RunningProgram(fillIn(spec.program, paths, shellQuote), {
        environment,
        stdin,
        stdout,
        command,
        ownGroup: forwarding.ownGroups,
      });
      const end = await forwarding.watch(program, program.ended);
      // Let go before the outputs need memory.
      this.#releaseInputs();
      if (end.code === 0) {
        await offerOutputs(outputs, before, store, options);
      }
      return end;
    } finally {
      for (const path of placed) unplaceInput(path);
      scratch.remove();
    }
  }

  /** Behind why a program has failed: that its files had gone, if they had; else nothing. */
  get poolGone(): string {
    const { over } = this.#around.seat.client.connection;
    return over === null ? '' : `; its files went with the pool: ${over.message}`;
  }

  /** Lets go of inputs and promises. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#releaseInputs();
    const promise = this.#promise;
    this.#promise = null;
    await promise?.close().catch(() => {});
  }

  #releaseInputs(): void {
    for (const object of this.#inputs) object.release();
    this.#inputs = [];
  }
}
