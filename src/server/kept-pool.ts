import { counted } from '../core/counted.js';
import { endAnew, formatBytes, type Stamp } from '../levels/shm/index.js';
import type { ShellInput } from '../loop/entries.js';
import { encodePoolInfo } from '../loop/pool-info.js';
import type { PoolLoop } from '../loop/pool-loop.js';
import { pendingEffects } from '../pool/slabs.js';
import type { Effect, PoolOptions } from '../pool/state.js';
import { JournalKeeper } from './journal-keeper.js';
import type { Past } from './past.js';
import type { Restored } from './sessions.js';

interface KeptPoolOptions {
  readonly past: Past;
  readonly loop: PoolLoop;
  readonly options: PoolOptions;
  readonly bootId: string;
  readonly shmDirectory: string;
  readonly stamp: Stamp | null;
  /** Where its slabs are; null: in no file. */
  readonly slabs: string | null;
  readonly journal: { readonly sync: boolean; readonly segmentBytes: number | undefined };
  readonly input: (input: ShellInput) => void;
  readonly runNow: () => void;
  /** What could not be appended may be tried again. */
  readonly onReady: () => void;
  readonly onDurable: (number: number) => void;
  readonly crashed: (error: unknown) => void;
  readonly log: (line: string) => void;
}

/** What is performed, and whose sessions are taken up, when a pool goes on. */
interface GoingOn {
  /** Slabs that the agent did not find. */
  readonly slabsLost: readonly number[];
  /** Versions in them that are back. */
  readonly restored: readonly number[];
  readonly restore: (session: Restored) => void;
  readonly endSession: (session: number, why: string) => void;
  readonly perform: (effect: Effect) => void;
}

/** What the manager of a pool does for its being kept in a directory. */
export class KeptPool {
  readonly #options: KeptPoolOptions;
  readonly #keeper: JournalKeeper;
  #isKeyKept: boolean;
  /** Something is durable of this manager. */
  #isGoingOn = false;
  /** Records that are durable, while the key is not. */
  #durable = 0;
  #keepingKey: Promise<void> | null = null;

  constructor(parts: KeptPoolOptions) {
    this.#options = parts;
    this.#isKeyKept = parts.past.isKeyKept;
    const { past, loop, options, bootId, shmDirectory, journal } = parts;
    this.#keeper = new JournalKeeper({
      directory: past.directory,
      loop,
      found: past.revived.recovered,
      segments: past.segments,
      info: encodePoolInfo({ options, bootId, shmDirectory }),
      ...journal,
      onDurable: (number) => this.#onDurable(number),
      onReady: parts.onReady,
      settle: () => {
        // Even if nobody has anything to say: acknowledgements alone make no batch.
        parts.input({ kind: 'tick' });
        parts.runNow();
      },
      crashed: parts.crashed,
      log: parts.log,
    });
  }

  get journal(): Pick<JournalKeeper, 'reserve' | 'append' | 'flush'> {
    return this.#keeper;
  }

  /** What of the pool's memory is to be there for the next manager. */
  keepsMemory(hasCrashed: boolean): 'all' | 'stamp' | 'nothing' {
    const { bytesTotal, bytesFree, bytesDead } = this.#options.loop.pool.extents;
    if (hasCrashed || bytesTotal > bytesFree + bytesDead) return 'all';
    return this.#keeper.last > 0 ? 'stamp' : 'nothing';
  }

  /** Resolves when all that was stepped is durable, and released. */
  async flush(): Promise<void> {
    await this.journal.flush();
    await this.#keepingKey;
  }

  #onDurable(number: number): void {
    const { past, options, stamp, slabs, onDurable, crashed } = this.#options;
    if (this.#isKeyKept) {
      // The first record says which slabs were made anew.
      if (!this.#isGoingOn && slabs !== null) endAnew(slabs);
      this.#isGoingOn = true;
      // Before anybody is told of it, and may write where others have written.
      stamp?.set(options.life, number);
      onDurable(number);
      return;
    }
    // A directory with a key and no journal has lost it: so the journal comes first.
    this.#durable = number;
    this.#keepingKey ??= past.directory.keepSessionKey(past.sessionKey).then(() => {
      this.#isKeyKept = true;
      this.#onDurable(this.#durable);
    }, crashed);
  }

  /** Before anything is written. Refuses with `disk-full` when nothing could be. */
  begin(): Promise<void> {
    return this.#keeper.begin();
  }

  /** Goes on where the last manager of the pool ended, if there was one. */
  goOn({ slabsLost, restored, restore, endSession, perform }: GoingOn): void {
    const { past, loop, input } = this.#options;
    if (past.revived.loop === null) return;
    const { id: _id, name: _name, hashSeed: _seed, ...options } = this.#options.options;
    const lost = past.areSlabsLost ? [...loop.pool.extents.slabs.keys()] : slabsLost;
    const asked = pendingEffects(loop.pool);
    const back = restored.length === 0 ? {} : { restored };
    input({ kind: 'restart', options, slabsLost: lost, ...back });
    for (const line of loop.sessions()) {
      restore(line);
      if (past.endsSessions) endSession(line.session, 'records of it may be lost');
    }
    // What it had asked of its agent, and never heard of.
    for (const effect of asked) perform(effect);
  }

  /** Nobody comes back to a pool that was stopped. */
  endSessions(): void {
    const { loop, input } = this.#options;
    for (const { session } of loop.sessions()) {
      input({ kind: 'session-gone', session, why: 'the pool was stopped' });
    }
  }

  /** Ends in order, when nothing comes any more that the snapshot of the end would not have. */
  async close(): Promise<void> {
    await this.#keeper.close();
    this.#tell();
  }

  /** Ends at once: what is not durable is lost, and nobody was told that it is kept. Idempotent. */
  abandon(): Promise<void> {
    return this.#keeper.abandon();
  }

  #tell(): void {
    const { past, loop, shmDirectory, log } = this.#options;
    const { objects, extents } = loop.pool;
    if (objects.used === 0) return;
    const bytes = extents.bytesTotal - extents.bytesFree - extents.bytesDead;
    const slabs =
      bytes === 0
        ? ''
        : `, ${formatBytes(bytes)} of that in "${shmDirectory}" until the host boots`;
    const what = counted(objects.used, 'object is', 'objects are');
    log(`${what} kept in "${past.directory.path}"${slabs}`);
  }
}
