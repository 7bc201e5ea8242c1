import { unreachable } from '../core/assert.js';
import { counted } from '../core/counted.js';
import { AttaccaError } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import type { ProcessIdentity } from '../levels/process-identity.js';
import { formatBytes } from '../levels/shm/index.js';
import type { PoolLoop } from '../loop/pool-loop.js';
import type { Effect, PoolOptions } from '../pool/state.js';
import { formatAddress, type Link } from '../transport/index.js';
import { Agent } from './agent.js';
import type { AgentWorker } from './agent-worker.js';
import type { Cleanup } from './cleanup.js';
import { outsideReport, writeCrashReport } from './crash-report.js';
import { DeathWatch, identityOf } from './death-watch.js';
import type { ConnectionBounds } from './descriptors.js';
import type { Door } from './handshake.js';
import { Heartbeats } from './heartbeats.js';
import { KeptPool } from './kept-pool.js';
import { SERVER_LIMITS } from './limits.js';
import type { PoolMemory } from './memory.js';
import { loopOf, type Past, slabsOf, storedOf } from './past.js';
import { Poisoned } from './poisoned.js';
import { Scratches } from './scratches.js';
import type { SessionSecrets } from './secrets.js';
import { Sessions } from './sessions.js';
import { SOFTWARE } from './software.js';
import { Turns } from './turns.js';

interface PoolServerParts {
  readonly thread: AgentWorker;
  readonly loop: PoolOptions;
  /** Null: the pool is kept nowhere. */
  readonly past: Past | null;
  readonly journal: { readonly sync: boolean; readonly segmentBytes: number | undefined };
  readonly door: Door & { readonly poolName: string };
  readonly secrets: SessionSecrets;
  readonly memory: PoolMemory;
  readonly directory: string;
  /** Where bytes are stored, and under what name of the pool; null: nowhere. */
  readonly store: { readonly directory: string; readonly pool: string } | null;
  readonly dataSocket: string;
  readonly dataListen: { readonly host: string; readonly port: number } | null;
  /** That of the Unix socket first. */
  readonly addresses: readonly string[];
  readonly here: ProcessIdentity;
  /** What ACCEPT says of the pool to everybody. */
  readonly describe: ValueMap;
  readonly bounds: ConnectionBounds;
  readonly awayMsMax: number | undefined;
  readonly handshakeMsMax: number;
  readonly cleanup: Cleanup;
  readonly log: (line: string) => void;
}

/**
 * How a server came to its end. `report`: the path of the crash report; null when it could not be
 * written, or when the system has refused what the pool needs, which is no fault of ours.
 */
export type ServerEnd =
  | { readonly kind: 'closed' | 'stopped' | 'drained' }
  | { readonly kind: 'crashed'; readonly error: unknown; readonly report: string | null };

/** A pool that is served by this process. Made by `serve`. */
export class PoolServer {
  readonly id: string;
  readonly name: string;
  /** `unix:/path` of the control socket. */
  readonly address: string;
  /** All addresses, that of the Unix socket first. */
  readonly addresses: readonly string[];
  readonly directory: string;
  readonly token: string;
  readonly memory: PoolMemory;
  /** Resolves after everything is ended and removed. */
  readonly closed: Promise<ServerEnd>;

  readonly #parts: PoolServerParts;
  readonly #loop: PoolLoop;
  readonly #turns: Turns;
  readonly #sessions: Sessions;
  readonly #deaths: DeathWatch;
  readonly #heartbeats: Heartbeats;
  /** Null without shared memory: then nobody has files beside the slabs. */
  readonly #scratches: Scratches | null;
  readonly #startedMs = performance.now();
  /** Pool time stands still while no manager runs. */
  readonly #timeBefore: number;
  /** Null: the pool is kept nowhere. */
  readonly #kept: KeptPool | null;
  #agent: Agent | null = null;
  #hasCrashed = false;
  #fault: Extract<ServerEnd, { kind: 'crashed' }> | null = null;
  #isServing = false;
  #ending: Promise<void> | null = null;
  #resolveClosed: (end: ServerEnd) => void = () => {};
  #draining: Promise<void> | null = null;

  constructor(parts: PoolServerParts) {
    this.#parts = parts;
    this.id = parts.door.poolId;
    this.name = parts.door.poolName;
    this.addresses = parts.addresses;
    this.address = parts.addresses[0] ?? '';
    this.directory = parts.directory;
    this.token = parts.door.token;
    this.memory = parts.memory;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const now = (): number => this.#now();
    const crashed = (error: unknown): void => this.#crashed(error);
    this.#loop = loopOf(parts.past, parts.loop);
    this.#loop.clock = () => performance.now();
    this.#timeBefore = this.#loop.pool.now;
    this.#kept = this.#keep();
    this.#deaths = new DeathWatch({
      now,
      awayMsMax: parts.awayMsMax,
      onGone: (session, why) => this.#endSession(session, why),
    });
    this.#turns = new Turns({
      loop: this.#loop,
      journal: this.#kept?.journal ?? null,
      now,
      crashed,
      accept: (session) => this.#sessions.accept(session),
      connectionOf: (session) => this.#sessions.connectionOf(session),
      beforeRelease: (effects) => this.#agent?.beforeRelease(effects),
      perform: (effect) => this.#perform(effect),
    });
    this.#sessions = new Sessions({
      door: parts.door,
      loop: this.#loop,
      turns: this.#turns,
      secrets: parts.secrets,
      poisoned: parts.past === null ? null : new Poisoned(parts.past.directory.path),
      deaths: this.#deaths,
      here: parts.here,
      describe: (link, identity) => this.#describe(link, identity),
      now,
      connectionsMax: parts.bounds.control,
      refusedMax: parts.bounds.refused,
      log: parts.log,
      handshakeMsMax: parts.handshakeMsMax,
      endSession: (session, why) => this.#endSession(session, why),
      crashed,
    });
    this.#heartbeats = new Heartbeats({
      connections: () => this.#sessions.connections(),
      receivedOf: (session) => this.#loop.receivedOf(session),
      now,
    });
    const directory = parts.memory.directory?.path;
    const isOpen = (session: number): boolean => this.#sessions.isOpen(session);
    this.#scratches = directory === undefined ? null : new Scratches({ directory, isOpen });
  }

  /** It has ended, or is about to, because of a fault of our own or a refusal of the system. */
  get hasCrashed(): boolean {
    return this.#hasCrashed;
  }

  /** What of its memory is to be there for the next manager. */
  get keepsMemory(): 'all' | 'stamp' | 'nothing' {
    return this.#kept?.keepsMemory(this.#hasCrashed) ?? 'nothing';
  }

  /** Sessions that are open, away ones too. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Readies the agent; from then on links may come. */
  async start(): Promise<void> {
    this.#parts.cleanup.push(() => this.#closeParts());
    await this.#kept?.begin();
    await this.#startAgent();
    this.#kept?.goOn({
      slabsLost: this.#agent?.slabsLost ?? [],
      restored: this.#agent?.restored ?? [],
      restore: (session) => this.#sessions.restore(session),
      endSession: (session, why) => this.#endSession(session, why),
      perform: (effect) => this.#perform(effect),
    });
    this.#isServing = true;
  }

  #keep(): KeptPool | null {
    const { past, loop: options, memory, here, journal, log } = this.#parts;
    if (past === null) return null;
    return new KeptPool({
      past,
      loop: this.#loop,
      options,
      bootId: here.bootId ?? '',
      shmDirectory: memory.root,
      stamp: memory.stamp,
      slabs: memory.directory?.path ?? null,
      journal,
      input: (input) => this.#turns.input(input),
      runNow: () => this.#turns.runNow(),
      onReady: () => this.#turns.plan(),
      onDurable: (number) => this.#turns.durable(number),
      crashed: (error) => this.#crashed(error),
      log,
    });
  }

  /** A link of one of the listeners. */
  take(link: Link): void {
    if (this.#ending === null) this.#sessions.take(link);
    else link.destroy();
  }

  /**
   * Stops in order: no new sessions, members or offers; who is in is told, and has `graceMs` to
   * leave. Resolves when all is ended. Idempotent: the first grace counts.
   */
  drain(graceMs: number = SERVER_LIMITS.drainMsMax): Promise<void> {
    this.#draining ??= this.#drain(graceMs);
    return this.#draining;
  }

  /** Stops at once; connections are told. Idempotent. */
  close(): Promise<void> {
    return this.#end({ kind: 'closed' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #now(): number {
    return this.#timeBefore + Math.floor(performance.now() - this.#startedMs);
  }

  async #startAgent(): Promise<void> {
    const { thread, memory, dataSocket, dataListen, door, secrets, describe } = this.#parts;
    const { bounds, log, past, store } = this.#parts;
    const areLost = past?.areSlabsLost === true;
    const slabs = memory.directory?.path ?? null;
    this.#agent = await Agent.start({
      thread,
      start: {
        slabs,
        dataSocket,
        listen: dataListen,
        door,
        secretKey: secrets.key,
        slabsKept: areLost ? [] : slabsOf(this.#loop),
        slabsAdopting: areLost ? [] : [...this.#loop.pool.adoptsPending.keys()],
        connectionsMax: bounds.data,
        store: store === null ? null : { ...store, ...storedOf(this.#loop) },
        pool: { ...describe, slabs: '', data: [] },
      },
      pool: this.#loop.pool,
      now: () => this.#now(),
      isOpen: (session) => this.#sessions.isOpen(session),
      input: (input) => this.#turns.input(input),
      hasRoom: () => this.#loop.hasRoom,
      crashed: (error) => this.#crashed(error),
      log,
    });
  }

  #describe(link: Link, identity: ProcessIdentity): ValueMap {
    const { describe, memory, past, dataSocket, here } = this.#parts;
    const port = this.#agent?.port ?? 0;
    const host = link.localHost.replace(/^::ffff:/u, '');
    const data =
      link.kind === 'tcp' && port > 0
        ? formatAddress({ kind: 'tcp', host, port })
        : formatAddress({ kind: 'unix', path: dataSocket });
    // Elsewhere a directory of that name would be another one.
    const isHere = identity.bootId === here.bootId;
    return {
      ...describe,
      slabs: isHere ? (memory.directory?.path ?? '') : '',
      keptIn: isHere ? (past?.directory.path ?? '') : '',
      upMs: Math.floor(performance.now() - this.#startedMs),
      data: [data],
    };
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'slab-wanted':
      case 'slab-gone':
      case 'adopt':
      case 'transfer':
      case 'measure':
      case 'store':
      case 'unstore':
        this.#agent?.perform(effect);
        break;
      case 'session-ended':
        this.#sessions.ended(effect.session, effect.crashed);
        void this.#agent?.endSession(effect.session);
        if (effect.crashed) this.#scratches?.look();
        break;
      case 'stop':
        this.#end({ kind: 'stopped' }).catch(() => {});
        break;
      case 'name-contested': {
        const process = this.#loop.pool.sessions.get(effect.session)?.process;
        if (process !== undefined) this.#deaths.question(effect.session, identityOf(process));
        break;
      }
      case 'lost':
        this.#parts.log(
          `LOST: ${counted(effect.versions, 'offered object')}, ${formatBytes(effect.bytes)}: ` +
            'the memory is gone',
        );
        break;
      case 'freed':
        // Done before the answers left.
        break;
      default:
        unreachable(effect);
    }
  }

  /** A session's process is dead: the pool hears of it once no transfer of it is under way. */
  #endSession(session: number, why: string): void {
    if (!this.#sessions.beginEnding(session)) return;
    const gone = (): void => this.#turns.input({ kind: 'session-gone', session, why });
    const transfers = this.#agent?.endSession(session) ?? null;
    if (transfers === null) gone();
    else void transfers.then(gone);
  }

  async #drain(graceMs: number): Promise<void> {
    this.#turns.input({ kind: 'drain', graceMs });
    // At once: who comes in between would not be told.
    this.#turns.runNow();
    await this.#sessions.whenEmpty(graceMs);
    await this.#end({ kind: 'drained' });
  }

  #end(end: ServerEnd): Promise<void> {
    this.#ending ??= this.#endOnce(end);
    return this.#ending;
  }

  async #endOnce(end: ServerEnd): Promise<void> {
    const { cleanup, log } = this.#parts;
    await cleanup.run((error) => {
      // What has been reported is not told twice.
      if (this.#fault?.error !== error) log(`cannot clean up: ${String(error)}`);
      if (isDamage(error)) this.#crashed(error);
    });
    this.#resolveClosed(this.#fault ?? end);
  }

  async #closeParts(): Promise<void> {
    this.#sessions.stopWaiting();
    this.#deaths.close();
    this.#heartbeats.close();
    await this.#settle();
    const error = new AttaccaError('pool-stopping', 'Cannot go on: the pool has stopped');
    await this.#sessions.refuseAll(error);
    await this.#endKept();
    this.#turns.stop();
    await this.#agent?.close();
    await this.#scratches?.close();
  }

  /** What was asked before is answered before. */
  async #settle(): Promise<void> {
    if (this.#hasCrashed) return;
    this.#turns.runNow();
    await this.#kept?.flush();
  }

  async #endKept(): Promise<void> {
    if (this.#kept === null) return;
    if (this.#hasCrashed || !this.#isServing) {
      await this.#kept.abandon();
      return;
    }
    this.#kept.endSessions();
    await this.#settle();
    this.#turns.stop();
    await this.#kept.close();
  }

  /**
   * Our own fault, or a refusal of the system: reported once, then the pool ends. What it holds is
   * not to be trusted.
   */
  #crashed(error: unknown): void {
    if (this.#fault !== null) return;
    this.#hasCrashed = true;
    this.#fault = { kind: 'crashed', error, report: null };
    this.#turns.stop();
    void this.#kept?.abandon();
    this.#fault = { kind: 'crashed', error, report: this.#report(error) };
    this.#sessions.destroyAll();
    this.#end(this.#fault).catch(() => {});
  }

  /** Says why the pool ends; returns the path of the report of a fault. */
  #report(error: unknown): string | null {
    const data = this.#parts.past?.directory.path ?? null;
    const ended = { poolId: this.id, poolName: this.name, software: SOFTWARE, data };
    const outside = outsideReport(error, ended);
    if (outside !== null) {
      process.stderr.write(outside);
      return null;
    }
    const { culprit } = this.#loop;
    const poison = culprit === null ? '' : this.#sessions.poison(culprit);
    const { text, path } = writeCrashReport(this.directory, error, { ...ended, poison });
    process.stderr.write(`${text}${path === null ? '' : `report: ${path}\n`}`);
    return path;
  }
}

/** Whether the journal does not say what the pool said: nothing was lost yet, but will be. */
function isDamage(error: unknown): boolean {
  return error instanceof AttaccaError && error.code === 'journal-damaged';
}
