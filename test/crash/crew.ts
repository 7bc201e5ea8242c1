import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import type { TestContext } from 'node:test';
import { connect } from '../../src/client/index.js';
import type { ServeOptions } from '../../src/server/index.js';
import { seeded } from '../client/support/proxy.js';
import { Actor } from './actor.js';
import { type Checked, checkLanes } from './checker.js';

const MINUTES = Number(process.env['ATTACCA_CRASH_MINUTES'] ?? 0);
const SEED = Number(process.env['ATTACCA_SEED'] ?? 20_240_101);
/** Rounds of a short loop; a long one goes on for the minutes that are given. */
const ROUNDS_MIN = 6;
/**
 * Nothing is measured before: the memory of a manager that makes snapshots rises for some minutes
 * to three times what it began with, as allocators keep what its threads had, and stays there.
 */
const WARM_SHARE = 0.4;
/** What a manager and its clients may hold more at the end than when it was measured first. */
const GROWN_BYTES_MAX = 48 << 20;

/** Of a test that runs for so long. */
export const LONG = { timeout: (2 * MINUTES + 5) * 60_000 };

/** Of a member of which nothing is known before. */
const RESIDENT_BYTES = 96 << 20;
const DESCRIPTORS = 24;
/** A snapshot may be under way now and not then: its thread has some, and its disk eleven. */
const GROWN_DESCRIPTORS_MAX = 12 + 20;
/** In its directory: two snapshots, the segments between them, one ahead, a lock, two secrets. */
const FILES_MAX = 9;

type Role = 'producer' | 'consumer';

export interface CrewOptions {
  readonly lanes?: number;
  readonly serve?: ServeOptions;
  /** The size of payloads, when all have the same. */
  readonly payloadBytes?: number;
  /** Where the pool is kept, and where its slabs are; default: directories of their own. */
  readonly data?: string;
  readonly shmDirectory?: string;
  /** Where the lanes find the pool, if something stands between. */
  readonly through?: (address: string) => Promise<string>;
}

/** A process that is started again, however often it ends. */
class Part {
  readonly role: Role;
  readonly lane: number;
  readonly ledger: string;
  actor: Actor;
  /** The number it has come to. */
  at = -1;
  readonly #start: () => Actor;

  constructor(crew: Crew, role: Role, lane: number) {
    this.role = role;
    this.lane = lane;
    this.ledger = joinPath(crew.directory, `${role}-${lane}`);
    this.#start = () => crew.start(this);
    this.actor = this.#start();
  }

  begin(): void {
    this.actor = this.#start();
  }

  async restart(): Promise<void> {
    await this.actor.kill();
    this.begin();
  }
}

/** A kept pool, and lanes of a producer and a consumer each that use it. */
export class Crew {
  readonly directory: string;
  readonly data: string;
  readonly shmDirectory: string;
  readonly address: string;
  readonly parts: Part[] = [];
  readonly random = seeded(SEED);
  manager: Actor;
  /** Where the lanes find it. */
  door = '';
  /** Lines by which the lanes said that they go on. */
  progress = 0;
  refusals = 0;
  rounds = 0;
  readonly #t: TestContext;
  readonly #options: CrewOptions;
  readonly #startedMs = performance.now();
  #waiting: (() => void)[] = [];
  #early: { [what: string]: number } | null = null;

  private constructor(t: TestContext, directory: string, options: CrewOptions) {
    this.#t = t;
    this.directory = directory;
    this.#options = options;
    this.address = `unix:${directory}/pool/socket`;
    this.data = options.data ?? joinPath(directory, 'data');
    this.shmDirectory = options.shmDirectory ?? joinPath(directory, 'shm');
    this.manager = this.serve();
  }

  static async make(t: TestContext, options: CrewOptions = {}): Promise<Crew> {
    const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-crash-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await mkdir(joinPath(directory, 'shm'), { mode: 0o700 });
    const crew = new Crew(t, directory, options);
    await crew.ready();
    crew.door = (await options.through?.(crew.address)) ?? crew.address;
    for (let lane = 0; lane < (options.lanes ?? 2); lane++) {
      crew.parts.push(new Part(crew, 'producer', lane), new Part(crew, 'consumer', lane));
    }
    return crew;
  }

  get mayGoOn(): boolean {
    if (this.rounds < ROUNDS_MIN) return true;
    return performance.now() - this.#startedMs < MINUTES * 60_000;
  }

  get #isWarm(): boolean {
    if (this.rounds < ROUNDS_MIN) return false;
    return performance.now() - this.#startedMs >= WARM_SHARE * MINUTES * 60_000;
  }

  /** Starts a manager; `ready` waits until it answers. */
  serve(options: ServeOptions = {}): Actor {
    const { address, data, shmDirectory } = this;
    const all: ServeOptions = {
      address,
      data,
      shmDirectory,
      name: 'crash',
      memoryBytes: 48 << 20,
      segmentBytes: 16 << 20,
      ...this.#options.serve,
      ...options,
    };
    return new Actor(this.#t, '../server/serve-child.js', [JSON.stringify(all)], () => {});
  }

  async ready(): Promise<void> {
    const line = await this.manager.line('{');
    assert.equal(JSON.parse(line).kind, 'ready', `${line} ${this.manager.complained}`);
  }

  async restartManager(): Promise<void> {
    await this.manager.kill();
    this.manager = this.serve();
    await this.ready();
  }

  start(part: Part): Actor {
    const { role, lane, ledger } = part;
    const size = this.#options.payloadBytes;
    const args = [role, this.door, String(lane), ledger, size === undefined ? '' : `${size}`];
    // Every other lane moves its bytes over sockets.
    const transport = lane % 2 === 1 ? 'socket' : 'auto';
    return new Actor(
      this.#t,
      './programs.js',
      args,
      (line) => {
        if (line.startsWith('at ')) {
          part.at = Number(line.slice(3));
          this.progress++;
        } else if (line === 'refused') this.refusals++;
        this.ring();
      },
      { ATTACCA_TRANSPORT: transport },
    );
  }

  ring(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Waits until something is so, and fails when a process ends by itself meanwhile. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      this.check();
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        ...[this.manager, ...this.parts.map(({ actor }) => actor)]
          .filter(({ hasEnded }) => !hasEnded)
          .map(({ ended }) => ended),
      ]);
    }
  }

  /** Nobody has ended whom we have not killed. */
  check(): void {
    assert.ok(!this.manager.hasEnded, `the manager ended: ${this.manager.complained}`);
    for (const { actor, role, lane } of this.parts) {
      assert.ok(!actor.hasFailed, `${role} ${lane} ended: ${actor.complained}`);
    }
  }

  /** Waits until the lanes have gone on by so much. */
  async advance(steps: number): Promise<void> {
    const goal = this.progress + steps;
    await this.until(() => this.progress >= goal);
  }

  pick<T>(all: readonly T[]): T {
    const one = all[Math.floor(this.random() * all.length)];
    assert.ok(one !== undefined);
    return one;
  }

  /** Runs rounds until it is enough: each time after the lanes have gone on by a while. */
  async loop(round: () => Promise<void>): Promise<void> {
    while (this.mayGoOn) {
      await this.advance(1 + Math.floor(this.random() * 12));
      await round();
      this.rounds++;
      if (this.#early === null && this.#isWarm) {
        await this.advance(2);
        this.#early = await this.#held();
      }
    }
  }

  /** Lets the lanes come to their end, and compares what everybody says. */
  async finish(): Promise<Checked> {
    const held = this.#early === null ? null : await this.#heldLeast();
    const producers = this.parts.filter(({ role }) => role === 'producer');
    for (const { actor } of producers) actor.tell('end');
    await this.until(() => producers.every(({ actor }) => actor.hasEnded));
    this.check();
    for (const consumer of this.parts.filter(({ role }) => role === 'consumer')) {
      const producer = producers.find(({ lane }) => lane === consumer.lane);
      assert.ok(producer !== undefined);
      consumer.actor.tell(`until ${await countOf(producer.ledger)}`);
    }
    await this.until(() => this.parts.every(({ actor }) => actor.hasEnded));
    this.check();
    const { left, requires } = await this.#look();
    const checked = checkLanes(
      this.parts.map(({ ledger, role, lane }) => ({ ledger, role, lane })),
      left,
    );
    assert.equal(requires, 0);
    const counts = Object.entries(checked).map(([what, count]) => `${count} ${what}`);
    this.#t.diagnostic(`${this.rounds} rounds: ${counts.join(', ')}, ${this.refusals} refusals`);
    await this.#stopTwice(left);
    await this.#checkFlat(held);
    return checked;
  }

  async #look(): Promise<{ left: string[]; requires: number }> {
    const view = await connect({ address: this.address });
    const left: string[] = [];
    for await (const name of view.list('*')) left.push(name);
    const counts = (await view.info())['counts'] as { [name: string]: number };
    await view.close();
    return { left: left.sort(), requires: counts['requires'] ?? -1 };
  }

  /**
   * Stops the pool in order, upon which a snapshot is compared with it, and looks whether all is
   * there when it is served again. The second snapshot lets the segments before the first go.
   */
  async #stopTwice(left: readonly string[]): Promise<void> {
    await this.#stop();
    this.manager = this.serve();
    await this.ready();
    assert.deepEqual((await this.#look()).left, left, 'what is kept outlives a stop');
    await this.#stop();
    const files = await readdir(this.data);
    assert.ok(files.length <= FILES_MAX, `old segments are gone, of ${files}`);
  }

  async #stop(): Promise<void> {
    this.manager.signal('SIGTERM');
    await this.manager.ended;
    assert.equal(this.manager.process.exitCode, 0, this.manager.complained);
  }

  async #held(): Promise<{ [what: string]: number }> {
    const held: { [what: string]: number } = {
      files: (await readdir(this.data)).length,
      beside: (await readdir(joinPath(this.directory, 'pool'))).length,
      pools: (await readdir(this.shmDirectory)).length,
      ...(await processHolds('manager', this.manager.pid)),
    };
    for (const { role, lane, actor } of this.parts) {
      // Another process, which may have just begun, is not compared with it.
      Object.assign(held, await processHolds(`${role}${lane}-${actor.pid}-`, actor.pid));
    }
    return held;
  }

  /** What stays: a thread that makes a snapshot has descriptors of its own while it does. */
  async #heldLeast(): Promise<{ [what: string]: number }> {
    const least = await this.#held();
    for (let look = 0; look < 5; look++) {
      await this.advance(1);
      for (const [what, count] of Object.entries(await this.#held())) {
        least[what] = Math.min(least[what] ?? count, count);
      }
    }
    return least;
  }

  /** Nothing has grown but by what allocators keep. */
  async #checkFlat(after: { [what: string]: number } | null): Promise<void> {
    const before = this.#early;
    if (before === null || after === null) return;
    this.#t.diagnostic(`held: ${JSON.stringify(before)} and then ${JSON.stringify(after)}`);
    for (const [what, now] of Object.entries(after)) {
      // A process that had just begun had neither its memory nor its descriptors yet.
      const usual = what.endsWith('Bytes') ? RESIDENT_BYTES : DESCRIPTORS;
      const then = Math.max(before[what] ?? usual, what.includes('-') ? usual : 0);
      const slack = what.endsWith('Bytes') ? GROWN_BYTES_MAX : GROWN_DESCRIPTORS_MAX;
      assert.ok(now <= then + slack, `${what} has grown from ${then} to ${now}`);
    }
    const beside = await readdir(joinPath(this.directory, 'pool')).catch(() => []);
    assert.deepEqual(beside, [], 'no stray file beside the socket');
    const known = /^(?:journal-[0-9a-f]{16}|snapshot-[0-9a-f]{16}|spare|lock|session-key|token)$/u;
    assert.deepEqual(strangers(await readdir(this.data), known), [], 'no stray file in its data');
    for (const name of await readdir(this.shmDirectory)) {
      const files = await readdir(joinPath(this.shmDirectory, name));
      const own = /^(?:owner\.json|lock|stamp|slab-\d+)$/u;
      assert.deepEqual(strangers(files, own), [], 'no stray file beside the slabs');
    }
    assert.ok((await readdir(this.shmDirectory)).length <= 1, 'one directory of slabs');
  }
}

function strangers(names: readonly string[], known: RegExp): string[] {
  return names.filter((name) => !known.test(name));
}

async function countOf(ledger: string): Promise<number> {
  const text = await readFile(ledger, 'utf8');
  const numbers = text
    .split('\n')
    .map((line) => /"asked","name":"o\/\d+\/(\d+)"/u.exec(line)?.[1])
    .filter((number) => number !== undefined);
  return Math.max(-1, ...numbers.map(Number)) + 1;
}

async function processHolds(who: string, pid: number): Promise<{ [what: string]: number }> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const anonymous = /^RssAnon:\s+(\d+) kB$/mu.exec(status)?.[1] ?? 0;
    const descriptors = (await readdir(`/proc/${pid}/fd`)).length;
    return { [`${who}Bytes`]: Number(anonymous) * 1024, [`${who}Descriptors`]: descriptors };
  } catch {
    return {};
  }
}
