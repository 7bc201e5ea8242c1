import { assert } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { Recovered } from '../journal/recover.js';
import { BEGIN } from '../journal/segment.js';
import { hashOf } from '../loop/history.js';
import { encodePoolInfo } from '../loop/pool-info.js';
import { PoolLoop } from '../loop/pool-loop.js';
import type { PoolOptions, PoolState } from '../pool/state.js';
import type { Agent } from './agent.js';
import type { Dice } from './dice.js';
import { SimDisk } from './disk.js';
import type { Following } from './following.js';
import { countsOf } from './history.js';
import { Keeper } from './keeper.js';
import { Ledger, type Lived } from './ledger.js';
import type { Lent, Machines } from './machines.js';
import { Manager, type ManagerEvents } from './manager.js';
import { measuredBy } from './measured.js';
import type { Scheduler } from './scheduler.js';
import { versionsIn } from './store-oracle.js';
import { invariantsHold, must, type Onlooker } from './violation.js';
import type { KeepingWeather } from './weather.js';

/** All moments of pool time are multiples of this, so that no two kinds of waits end at once. */
export const STEP_MS = 4;
/** From the end of a manager to the begin of the next. */
const DOWN_MS_MAX = 300;
/** A batch takes no more when so much of a segment is gathered; one more frame fits. */
const BATCH_FRACTION = 4;
/** The state is hashed after one batch of so many. */
const HASH_EVERY = 8;
/** One recovery of so many is held against a replay of all that there is. */
const AUDIT_ODDS = 4;
/** Of a pool with `--sync never`: one loss of power of so many takes what is not synced. */
const UNSYNCED_LOSS_ODDS = 2;
/** One repair of so many is begun on a disk that is full. */
const REPAIR_FULL_ODDS = 3;

/** How a manager ends that did not mean to. */
type End =
  /** Its process dies; what it wrote is there. */
  | 'crash'
  /** The power goes and comes again, and the memory of the host has survived: it is a disk's. */
  | 'power'
  /** All that lived on the host is dead, and its memory empty. */
  | 'reboot';

/** Where a journal goes on. */
type Found = Pick<Recovered, 'after' | 'tail'>;

/** In the life of a slow manager. */
const LONG_TURN_ODDS = 10;

interface LivesParts {
  readonly options: PoolOptions;
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  /** Null: the pool is kept nowhere, and has one manager. */
  readonly keeping: KeepingWeather | null;
  /** Of turns; dice of their own, for they are thrown often and decide nothing else. */
  readonly slowness: Dice;
  readonly agent: Agent;
  /** Is told what lay in slabs that are gone, by the input of the manager that finds it so. */
  readonly inSlabs: Following['inSlabs'];
  readonly machines: Machines;
  readonly lent: Lent;
  /** Breaks something on purpose in each new manager. */
  readonly plant: (manager: Manager) => void;
  readonly looksAt: (rule: Onlooker) => boolean;
  readonly events: Omit<ManagerEvents, 'onStepped' | 'onRelease'>;
  /** A batch is kept. */
  readonly onKept: (lived: Lived) => void;
  /** There is no manager any more. */
  readonly onDown: () => void;
  readonly onUp: (manager: Manager, isNew: boolean) => void;
  readonly count: (what: string) => void;
  readonly say: (words: () => string) => void;
}

/** The managers of a pool, one after another, over one disk, and the time of the pool. */
export class Lives {
  readonly disk: SimDisk;
  readonly ledger = new Ledger();
  manager: Manager | null = null;
  /** Promises may have something to do. */
  isUnsettled = false;
  /** Thrown where a promise called. */
  error: unknown = null;
  /** The journal is damaged beyond what one may go on with: the world ends. */
  isOver = false;
  /** The world has flipped a bit of the disk. */
  isFlipped = false;
  #isCalm = false;
  #isStopping = false;
  readonly #parts: LivesParts;
  readonly #info: Uint8Array;
  /** Of the manager at hand. What was planned for another does not happen. */
  #life = 0;
  /** Pool time is so much ahead of the world's. */
  #ahead = 0;
  #isAuditing = false;
  /** The power went, and not all was synced that somebody has heard of. */
  #isUnsynced = false;

  constructor(parts: LivesParts) {
    this.#parts = parts;
    this.disk = new SimDisk({ later: (run) => this.#later(run) });
    this.#info = encodePoolInfo({ options: parts.options, bootId: 'b', shmDirectory: '' });
  }

  /** Who takes new connections. */
  get serving(): Manager | null {
    return this.#isStopping ? null : this.manager;
  }

  /** Pool time. */
  get now(): number {
    return this.#parts.scheduler.now + this.#ahead;
  }

  /** Begins the first manager. */
  begin(): void {
    const { keeping, options } = this.#parts;
    if (keeping === null) this.#serve(new PoolLoop(options), { after: BEGIN, tail: null }, true);
    else this.#start();
  }

  /** The manager ends at once, and another begins some time later. */
  end(how: End): void {
    const { keeping, dice, scheduler, agent, onDown, say } = this.#parts;
    if (keeping === null) return;
    say(() => `the manager ends: ${how}`);
    this.#life++;
    this.manager = null;
    this.#isStopping = false;
    // Without sync most of them leave the disk as it is: what takes what was released ends a seed.
    const isLoss = how !== 'crash' && (keeping.sync || dice(UNSYNCED_LOSS_ODDS) === 0);
    if (isLoss) this.disk.crash(dice, { garbage: dice(3) === 0 });
    else this.disk.abandon();
    if (isLoss && !keeping.sync) this.#isUnsynced = true;
    this.disk.isFailing = false;
    this.disk.failsOnce = false;
    agent.end(how === 'reboot', isLoss);
    onDown();
    const life = this.#life;
    const ms = this.#isCalm ? 0 : dice(DOWN_MS_MAX);
    scheduler.after(ms, () => {
      if (life === this.#life) this.#start();
    });
  }

  /** Nothing fails any more. */
  becomeCalm(): void {
    this.#isCalm = true;
    this.disk.isFailing = false;
    this.disk.failsOnce = false;
    this.makeRoom();
  }

  makeRoom(): void {
    this.disk.capacityBytes = Number.MAX_SAFE_INTEGER;
  }

  /** Age flips a bit of one of the files: what is in them is all that there is. */
  flip(): void {
    const { dice, keeping } = this.#parts;
    const names = this.disk.names();
    const name = names[dice(names.length)];
    if (keeping === null || name === undefined) return;
    const { length } = this.disk.bytesOf(name);
    if (length === 0) return;
    this.disk.flip(name, dice(length), dice(8));
    this.isFlipped = true;
  }

  /** Plans what only this manager does. */
  after(ms: number, action: () => void): void {
    const life = this.#life;
    this.#parts.scheduler.after(ms, () => {
      if (life === this.#life) action();
    });
  }

  /** A clean stop among the faults, and another manager. */
  restart(): void {
    this.#parts.onDown();
    const again = (): void => this.end('crash');
    this.stop().then(
      () => this.guard(again),
      (error: unknown) =>
        this.guard(() => {
          const isExcused = error instanceof AttaccaError && this.#mayFail(error);
          if (!isExcused) throw error;
          again();
        }),
    );
    this.isUnsettled = true;
  }

  /**
   * A clean stop: all sessions end, all is durable, a snapshot says so; and another manager finds
   * all as it was. Never resolves if the manager ends otherwise.
   */
  async stop(): Promise<void> {
    const { manager } = this;
    assert(manager !== null, 'a manager that stops is there');
    this.#isStopping = true;
    manager.endAll();
    for (let isSettled = false; !isSettled; ) {
      await this.#pause();
      const isStepped = manager.turn(this.now);
      await manager.keeper?.journal.flush();
      isSettled = isStepped && !manager.loop.isDue(this.now);
    }
    manager.stop();
    const isWhole = (await manager.keeper?.close()) === true;
    const { lent, machines, count } = this.#parts;
    const { checksum } = machines;
    const hash = hashOf(manager.loop, lent.checksum);
    const isNew = manager.keeper?.journal.last === 0;
    this.#life++;
    this.manager = null;
    this.disk.crash(() => 0);
    const { loop, recovered } = await machines.revive(this.disk, { checksum, repair: false });
    const isSame = loop === null ? isNew : hashOf(loop, lent.checksum) === hash;
    must(isSame, 'a clean stop keeps all', () => 'after a clean stop the pool is another');
    const { records } = recovered;
    const replayed = (): string => `after a clean stop ${records} records are replayed`;
    must(records === 0 || !isWhole, 'a clean stop leaves no tail', replayed);
    count('stopped');
  }

  /** Until a turn may be. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.after(STEP_MS - (this.#parts.scheduler.now % STEP_MS), () => {
        this.isUnsettled = true;
        resolve();
      });
    });
  }

  /** Whether the world has made that the disk refuses. */
  #mayFail({ code }: AttaccaError): boolean {
    if (code === 'journal-damaged') return this.isFlipped;
    return code === 'file-error' || code === 'disk-full';
  }

  /** Runs what a promise calls; its error is the world's, which looks for it between events. */
  readonly guard = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      this.error ??= error;
    }
  };

  /** An operation of the disk: at its end, before it or after it, the manager may end. */
  #later(run: () => void): void {
    if (this.#isAuditing) {
      run();
      return;
    }
    const { dice, scheduler, keeping, count } = this.#parts;
    assert(keeping !== null, 'a pool that is kept has a disk');
    const ms = dice(1 + (this.#isCalm ? 1 : keeping.delayMsMax));
    scheduler.after(ms, () => {
      this.isUnsettled = true;
      if (this.#isCalm || dice(keeping.crashOdds) !== 0) {
        run();
        return;
      }
      count('crash between operations of the disk');
      this.end(dice(2) === 0 ? 'crash' : 'power');
    });
  }

  #start(repair = false): void {
    this.#recover(this.#life, repair).catch((error: unknown) => {
      this.error ??= error;
    });
    this.isUnsettled = true;
  }

  async #recover(life: number, repair = false): Promise<void> {
    const { machines, options, count } = this.#parts;
    const { checksum } = machines;
    const disk = machines.disk(this.disk);
    const { failures } = this.disk;
    const revived = await machines
      .revive(disk, { checksum, repair })
      .catch((error: unknown) => this.#refused(error, life, repair, failures));
    if (revived === null || life !== this.#life) return;
    const { loop, recovered } = revived;
    const { after, torn, spoiled, snapshot } = recovered;
    if (torn !== null) count('torn');
    if (spoiled.length > 0) count('spoiled');
    if (snapshot > 0) count('revived from a snapshot');
    if (after.number < this.ledger.released && (this.isFlipped || this.#isUnsynced)) {
      this.#lost(loop, after.number, repair);
      return;
    }
    this.#isUnsynced = false;
    await this.#compare(loop, after.number);
    this.#serve(loop ?? new PoolLoop(options, checksum), recovered, loop === null);
  }

  #checkInvariants(pool: PoolState): void {
    if (this.#parts.looksAt('invariants')) invariantsHold(pool);
  }

  /** Less is found than was released, as it may be: it is sound, and the world ends. */
  #lost(loop: PoolLoop | null, number: number, repair: boolean): void {
    const { lent, count, looksAt } = this.#parts;
    this.isOver = true;
    if (loop !== null) this.#checkInvariants(loop.pool);
    if (this.isFlipped) {
      // Else the last records, before anything was written behind them: age looks like a tear.
      count(repair ? 'repaired' : 'aged');
      return;
    }
    count('unsynced lost');
    this.ledger.mustReach(number, this.ledger.synced);
    if (loop !== null && looksAt('replay is the same')) {
      this.ledger.check(number, loop, lent.checksum);
    }
  }

  /** What a recovery has found is what there was, and all that anybody has heard of. */
  async #compare(loop: PoolLoop | null, number: number): Promise<void> {
    const { lent, dice, count, onKept, looksAt } = this.#parts;
    for (const lived of this.ledger.recovered(number)) {
      count('kept unheard');
      onKept(lived);
    }
    if (loop === null) return;
    this.#checkInvariants(loop.pool);
    if (!looksAt('replay is the same')) return;
    if (this.ledger.check(number, loop, lent.checksum)) count('hash compared');
    if (this.isFlipped || dice(AUDIT_ODDS) !== 0) return;
    this.#isAuditing = true;
    const checked = await this.ledger.audit(this.disk, lent.checksum);
    this.#isAuditing = false;
    if (checked > 0) count('journal replayed');
  }

  /** A recovery that was refused: only what the world has done to the disk excuses it. */
  #refused(error: unknown, life: number, repair: boolean, failures: number): null {
    if (!(error instanceof AttaccaError)) throw error;
    const { dice, count, say } = this.#parts;
    const words = (): string => `the recovery is refused: ${error.message}`;
    say(words);
    if (error.code === 'file-error' && this.disk.failures > failures) {
      count('recovery failed');
      this.disk.abandon();
      this.disk.isFailing = false;
      this.#start(repair);
      return null;
    }
    if (error.code === 'disk-full' && repair) {
      count('repair without room');
      this.makeRoom();
      this.#start(repair);
      return null;
    }
    must(this.isFlipped && error.code === 'journal-damaged', 'a pool can be recovered', words);
    count('recovery refused');
    // A repair sets aside and copies: what if the disk is full as well?
    const { bytesUsed } = this.disk;
    if (dice(REPAIR_FULL_ODDS) === 0) this.disk.capacityBytes = bytesUsed;
    if (life === this.#life) this.#start(true);
    return null;
  }

  /** Of turns: now and then one has taken all its time. */
  #clock(): () => number {
    const { slowness, count } = this.#parts;
    const isSlow = slowness(3) === 0;
    let ms = 0;
    return () => {
      if (!isSlow || slowness(LONG_TURN_ODDS) !== 0) return ms;
      count('a turn was long');
      ms += LIMITS.turnMsMax;
      return ms;
    };
  }

  #serve(loop: PoolLoop, found: Found, isNew: boolean): void {
    const { keeping, agent, machines, plant, scheduler, onUp, count, events } = this.#parts;
    const { now } = scheduler;
    loop.clock = this.#clock();
    // The first turn is at the next multiple: there pool time goes on where it stood.
    this.#ahead = loop.pool.now - (now - (now % STEP_MS) + STEP_MS);
    const bytesMax = (keeping?.segmentBytes ?? Number.POSITIVE_INFINITY) / BATCH_FRACTION;
    const keeper = keeping === null ? null : this.#keeperOf(loop, found, keeping);
    const manager = new Manager(
      loop,
      keeper,
      { after: found.after.number, bytesMax },
      {
        ...events,
        onStepped: (batch) => {
          this.#checkInvariants(loop.pool);
          const { checksum } = this.#parts.lent;
          const isHashed = keeping !== null && batch.number % HASH_EVERY === 0;
          const hash = isHashed ? hashOf(loop, checksum) : null;
          this.ledger.step(
            { batch, counts: countsOf(loop.pool), measured: measuredBy(batch, loop.pool) },
            hash,
          );
        },
        onRelease: (number) => {
          agent.store.settle();
          this.#parts.onKept(this.ledger.release(number));
        },
      },
    );
    this.manager = manager;
    plant(manager);
    if (!isNew) {
      count('restart');
      const { slabs } = loop.pool.extents;
      const slabsLost = agent.takeOver([...slabs.keys()], [...loop.pool.adoptsPending.keys()]);
      if (slabsLost.length > 0) count('slabs lost');
      const asked = machines.pendingEffects(loop.pool);
      const { id: _id, name: _name, hashSeed: _seed, ...options } = this.#parts.options;
      const restored = agent.store.restore(loop.pool, slabsLost);
      const back = restored.length === 0 ? {} : { restored };
      const input = { kind: 'restart', options, slabsLost, ...back } as const;
      this.#parts.inSlabs.set(input, versionsIn(loop.pool, input));
      manager.input(input);
      for (const effect of asked) {
        count('asked again');
        agent.perform(effect);
      }
    }
    onUp(manager, isNew);
  }

  #keeperOf(loop: PoolLoop, found: Found, keeping: KeepingWeather): Keeper {
    const { machines, dice, events, count } = this.#parts;
    const { segmentBytes, sync, snapshotMsMax } = keeping;
    const life = this.#life;
    return new Keeper({
      machines,
      loop,
      disk: machines.disk(this.disk),
      after: found.after,
      tail: found.tail,
      info: this.#info,
      segmentBytes,
      sync,
      onDurable: (number) => {
        if (life === this.#life) this.manager?.durable(number);
      },
      onReady: () => events.onPlan(),
      onFailed: () => {
        count('journal failed');
        this.end(dice(2) === 0 ? 'crash' : 'power');
      },
      onDamaged: (error) => {
        must(this.isFlipped, 'a closed segment is sound', () => error.message);
        this.end('crash');
      },
      onClosed: (last) => this.ledger.sync(last),
      onSnapshot: () => count('snapshot'),
      later: (kind, ms, action) => {
        const more = kind === 'snapshot' && !this.#isCalm ? dice(snapshotMsMax) : 0;
        this.after(ms + more, () => {
          this.isUnsettled = true;
          action();
        });
      },
      guard: this.guard,
    });
  }
}
