import { tracingChannel } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { AttaccaError } from '../core/errors.js';

/** What subscribers of {@link CALLS} are given. */
interface CallContext {
  readonly call: string;
  readonly member: string;
  readonly object: string;
  /** Of a call that has failed. */
  error?: unknown;
  /** What it returned. */
  result?: unknown;
}

/**
 * `tracing:attacca:call:start`, `:asyncEnd`, `:error` of node:diagnostics_channel: each call of the
 * client, with `call`, `member` and `object`. Without a subscriber it costs a look.
 */
const CALLS = tracingChannel<string, CallContext>('attacca:call');

/** Methods of a pool's object that are calls. */
export const OBJECT_CALLS = [
  ...(['allocate', 'append', 'finish', 'offer', 'handOver', 'withdraw'] as const),
  ...(['require', 'demand', 'peek', 'retract', 'dispose'] as const),
];

/** A class whose methods are calls. */
interface Calling {
  readonly prototype: object;
}

/**
 * Lets methods of a class be traced: those of the names, which return promises. `told` says on
 * whose behalf they are called, and about what.
 */
export function traceCalls<T extends object>(
  type: Calling & { readonly prototype: T },
  names: readonly (keyof T & string)[],
  told: (one: T, first: unknown) => { readonly member: string; readonly object: string },
): void {
  for (const call of names) {
    const method: unknown = Reflect.get(type.prototype, call);
    if (typeof method !== 'function') throw new TypeError(`${call} is no method`);
    const traced = function (this: T, ...args: unknown[]): unknown {
      if (!CALLS.hasSubscribers) return Reflect.apply(method, this, args);
      const context: CallContext = { call, ...told(this, args[0]) };
      return CALLS.tracePromise(() => Reflect.apply(method, this, args), context);
    };
    Object.defineProperty(traced, 'name', { value: call });
    Object.defineProperty(type.prototype, call, { value: traced, writable: true });
  }
}

/** Notes that are held back, and for how long. */
const BUFFER_BYTES = 65_536;
const BUFFER_MS = 1_000;
const US_PER_MS = 1_000;

/**
 * The calls of this process as lines of JSON, appended to a file that other processes may share:
 * `process`, `member`, `call`, `object`, `startUs` (of 1970), `durationUs`, `outcome`.
 */
export class CallTrace {
  #isOn = false;
  #text = '';
  #timer: NodeJS.Timeout | null = null;

  /** Begins, once, when there is a file to write to. */
  begin(path: string | undefined): void {
    if (path === undefined || path === '' || this.#isOn) return;
    this.#isOn = true;
    const starts = new WeakMap<CallContext, number>();
    const ended = (context: CallContext): void => {
      const start = starts.get(context);
      // A call that has failed is told of twice.
      if (start === undefined || !starts.delete(context)) return;
      this.#note(path, context, start);
    };
    CALLS.subscribe({
      start: (context) => starts.set(context, performance.now()),
      asyncEnd: ended,
      error: (context) => ended(context),
      end: () => {},
      asyncStart: () => {},
    });
    process.once('exit', () => this.#flush(path));
  }

  #note(path: string, context: CallContext, start: number): void {
    const { call, member, error } = context;
    const object = context.object === '' ? nameOf(context.result) : context.object;
    const startUs = Math.round((performance.timeOrigin + start) * US_PER_MS);
    const durationUs = Math.round((performance.now() - start) * US_PER_MS);
    const outcome = error === undefined ? 'ok' : outcomeOf(error);
    const record = { process: process.pid, member, call, object, startUs, durationUs, outcome };
    this.#text += `${JSON.stringify(record)}\n`;
    if (this.#text.length >= BUFFER_BYTES) this.#flush(path);
    this.#timer ??= setTimeout(() => this.#flush(path), BUFFER_MS).unref();
  }

  #flush(path: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const text = this.#text;
    this.#text = '';
    if (text === '') return;
    try {
      appendFileSync(path, text);
    } catch (error) {
      // A program does not fail because it is looked at.
      process.emitWarning(`Cannot write the trace "${path}": ${String(error)}`);
    }
  }
}

/** Of what has come; of a call that knows no name before. */
function nameOf(result: unknown): string {
  if (typeof result !== 'object' || result === null || !('name' in result)) return '';
  return typeof result.name === 'string' ? result.name : '';
}

function outcomeOf(error: unknown): string {
  if (error instanceof AttaccaError) return error.code;
  return error instanceof Error ? error.name : 'error';
}
