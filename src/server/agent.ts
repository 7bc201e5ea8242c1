import type { Worker } from 'node:worker_threads';
import { assert, unreachable } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { writeMap } from '../core/value-codec.js';
import type { ShellInput } from '../loop/entries.js';
import type { MeasureResult } from '../pool/input.js';
import { mayRead } from '../pool/memory.js';
import type { Effect, PoolState } from '../pool/state.js';
import type { AgentStart, FromAgent, Range, ToAgent, Why } from './agent-messages.js';
import type { AgentReady, AgentWorker } from './agent-worker.js';
import { SERVER_LIMITS } from './limits.js';
import { WriteGates } from './write-gates.js';
import { WriteGrants } from './write-grants.js';

interface AgentOptions {
  readonly thread: AgentWorker;
  readonly start: Omit<AgentStart, 'writeGates'>;
  readonly pool: PoolState;
  readonly now: () => number;
  /** Whether the session may have data connections: it has not ended. */
  readonly isOpen: (session: number) => boolean;
  readonly input: (input: ShellInput) => void;
  /** Whether the journal has room for what nobody waits for. */
  readonly hasRoom: () => boolean;
  readonly log: (line: string) => void;
  /** The thread has ended by itself: the pool cannot go on. */
  readonly crashed: (error: unknown) => void;
}

type AgentEffect = Extract<
  Effect,
  { kind: 'slab-wanted' | 'slab-gone' | 'adopt' | 'transfer' | 'measure' | 'store' | 'unstore' }
>;

const BAD_LEASE: Why = {
  code: 'bad-lease',
  message: 'Cannot move bytes: the session holds no lease on all of them',
};
const NOTHING = { start: 0, end: 0, generation: 0 };

/** The pool's side of the agent: performs effects by its thread, answers what the thread asks. */
export class Agent {
  /** The port of data connections by TCP, or 0. */
  readonly port: number;
  /** Slabs to be kept that were not there. */
  readonly slabsLost: readonly number[];
  /** Versions in them that the store has brought back. */
  readonly restored: readonly number[];
  readonly #options: AgentOptions;
  readonly #worker: Worker;
  readonly #grants: WriteGrants;
  /** Sessions that have had a data connection: their end must wait for it. */
  readonly #withData = new Set<number>();
  readonly #quiet = new Map<number, () => void>();
  /** Measured, and not told yet: no more than the pool asks for at a time. */
  #measured: MeasureResult[] = [];
  #hasEnded = false;
  #closing: Promise<void> | null = null;

  /** Tells the thread what to serve; resolves when it listens. */
  static async start(options: AgentOptions): Promise<Agent> {
    const gates = new WriteGates();
    const { thread } = options;
    const ready = await thread.start({ ...options.start, writeGates: gates.memory });
    return new Agent(options, thread.worker, ready, gates);
  }

  private constructor(options: AgentOptions, worker: Worker, ready: AgentReady, gates: WriteGates) {
    this.#options = options;
    this.#worker = worker;
    this.port = ready.port;
    this.slabsLost = ready.slabsLost;
    this.restored = ready.restored;
    this.#grants = new WriteGrants(options.pool, gates, options.now);
    worker.on('message', (message: FromAgent) => this.#receive(message));
    worker.on('error', (error) => {
      if (this.#closing === null) options.crashed(error);
    });
    worker.on('exit', (code) => {
      this.#hasEnded = true;
      if (this.#closing === null) options.crashed(new Error(`the agent's thread ended (${code})`));
    });
  }

  /** After a batch, before its answers leave: nobody may use bytes that are someone else's now. */
  beforeRelease(effects: readonly Effect[]): void {
    this.#grants.review();
    const ranges: Range[] = [];
    for (const effect of effects) if (effect.kind === 'freed') ranges.push(effect);
    if (ranges.length > 0) this.#poison(ranges);
    this.#tellMeasured();
  }

  perform(effect: AgentEffect): void {
    if (effect.kind !== 'store') {
      this.#post(effect);
      return;
    }
    const w = new Writer();
    writeMap(w, effect.attributes);
    this.#post({ ...effect, attributes: w.written().slice() });
  }

  /** The session has ended or is about to: resolves when none of its transfers is under way. */
  endSession(session: number): Promise<void> | null {
    if (!this.#withData.delete(session)) return null;
    this.#post({ kind: 'session-ended', session });
    return new Promise((resolve) => this.#quiet.set(session, resolve));
  }

  /** Ends the thread and all data connections. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#hasEnded) {
        resolve();
        return;
      }
      this.#worker.once('exit', () => resolve());
      this.#post({ kind: 'stop' });
      for (const resolveQuiet of this.#quiet.values()) resolveQuiet();
      this.#quiet.clear();
    });
    return this.#closing;
  }

  /** What is measured can wait until there is room for it in the journal, and others cannot. */
  #tellMeasured(): void {
    const { hasRoom, input } = this.#options;
    if (this.#measured.length === 0 || this.#closing !== null || !hasRoom()) return;
    const results = this.#measured;
    this.#measured = [];
    input({ kind: 'measured', results });
  }

  #post(message: ToAgent): void {
    this.#worker.postMessage(message);
  }

  /** Stands still until the agent has filled the bytes: the answers to come may grant them. */
  #poison(ranges: readonly Range[]): void {
    const done = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.#post({ kind: 'poison', ranges, done });
    const outcome = Atomics.wait(new Int32Array(done), 0, 0, SERVER_LIMITS.poisonMsMax);
    assert(outcome !== 'timed-out', 'the agent fills freed bytes');
  }

  #receive(message: FromAgent): void {
    if (this.#closing !== null) return;
    const { input, log } = this.#options;
    switch (message.kind) {
      case 'slab-failed':
        log(`cannot make slab ${message.slab}: ${message.why.message}`);
        input({
          kind: 'slab-failed',
          slab: message.slab,
          size: message.size,
          why: message.why.message,
        });
        break;
      case 'slab-stays':
        log(`slab ${message.slab} stays, and nobody counts its bytes: ${message.why.message}`);
        break;
      case 'slab-ready':
      case 'adopted':
      case 'transferred':
      case 'stored':
        input(message);
        break;
      case 'measured':
        this.#measured.push(...message.results);
        this.#tellMeasured();
        break;
      case 'ask-open':
        this.#open(message.ask, message.session);
        break;
      case 'ask-write':
      case 'ask-read':
        this.#answer(message);
        break;
      case 'closed':
        this.#grants.revoke(message.slot);
        break;
      case 'session-quiet': {
        const resolve = this.#quiet.get(message.session);
        this.#quiet.delete(message.session);
        resolve?.();
        break;
      }
      case 'ready':
        break;
      default:
        unreachable(message);
    }
  }

  #open(ask: number, session: number): void {
    const isOpen = this.#options.isOpen(session);
    if (isOpen) this.#withData.add(session);
    const failure: Why | null = isOpen
      ? null
      : { code: 'session-unknown', message: `Cannot go on with session ${session}: it has ended` };
    this.#post({ kind: 'answer', ask, failure, granted: NOTHING });
  }

  #answer(message: Extract<FromAgent, { kind: 'ask-write' | 'ask-read' }>): void {
    const { ask, session, slot, range } = message;
    let granted: typeof NOTHING | null = null;
    if (this.#withData.has(session)) {
      if (message.kind === 'ask-write') granted = this.#grants.grant(slot, session, range);
      else if (this.#mayRead(session, range)) granted = NOTHING;
    }
    const failure = granted === null ? BAD_LEASE : null;
    this.#post({ kind: 'answer', ask, failure, granted: granted ?? NOTHING });
  }

  #mayRead(session: number, { slab, offset, size }: Range): boolean {
    return mayRead(this.#options.pool, session, slab, offset, size);
  }
}
