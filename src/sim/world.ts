import { assert } from '../core/assert.js';
import type { ShellInput } from '../loop/entries.js';
import type { Effect, PoolState } from '../pool/state.js';
import { FRAME, FRAME_HEADER_SIZE, Messages } from '../protocol/index.js';
import { Agent, type Slips, slipsOf } from './agent.js';
import { type Answer, compare, compareHeld, compareTaken, contentsOf } from './answers.js';
import type { Client } from './asking.js';
import { DataLinks } from './data-links.js';
import { type Dice, ownDice, random } from './dice.js';
import { wordOf } from './event-check.js';
import { Following } from './following.js';
import { Gate } from './gate.js';
import { Havoc } from './havoc.js';
import { History, mustBeEmpty } from './history.js';
import { Holdings } from './holdings.js';
import type { Lived } from './ledger.js';
import { Lives } from './lives.js';
import { type Lent, type Machines, machinesOf } from './machines.js';
import type { Manager } from './manager.js';
import { ClientProcess } from './member.js';
import { Network } from './network.js';
import { Oracle } from './oracle.js';
import { optionsOf } from './pool-options.js';
import { underWay } from './restarts.js';
import { type Failure, failureOf, type Result } from './result.js';
import { Scheduler } from './scheduler.js';
import { Slabs } from './slabs.js';
import { mustKnow } from './store-oracle.js';
import { Trace } from './trace.js';
import { Transcript } from './transcript.js';
import { Turns } from './turns.js';
import { must, type Onlooker, type Rule } from './violation.js';
import { CALM, type Weather, weatherFor } from './weather.js';
import { type Special, Workload } from './workload.js';

const DEATH_MS_MAX = 200;
/** Requests that a process has without an answer, at most. */
const UNANSWERED_MAX = 100;
/** When faults have stopped, what is under way is over after this, beside what waits. */
const CALM_MS = 3_000;
/** And operations that subscribers hold, one behind the other, after this. */
const HELD_MS = 30_000;

interface WorldOptions {
  /** How many events happen before faults stop. */
  readonly ticks: number;
  /** Whether what happens is written down in words. */
  readonly traces?: boolean;
  readonly lent: Lent;
  /** Of the checkers that only look on ({@link Onlooker}) those of other rules are left off. */
  readonly only?: Rule;
  readonly mostly?: Special | undefined;
  /** Breaks something on purpose, in each new manager. */
  readonly plant?: (manager: Manager) => void;
  /** An agent that keeps its transfers in another order. */
  readonly agent?: Slips;
  /** Other machines than those that ship. */
  readonly machines?: (machines: Machines) => Partial<Machines>;
}

/** Thrown out of what was under way when the pool was found damaged. */
class Over extends Error {}

/** A deployment in one process and in virtual time, all of it decided by a seed. */
class World {
  readonly trace: Trace;
  readonly counts = new Map<string, number>();
  readonly dice: Dice;
  readonly scheduler = new Scheduler();
  readonly network: Network;
  readonly weather: Weather;
  readonly #slabs = new Slabs();
  readonly #agent: Agent;
  readonly #lives: Lives;
  readonly #drained: () => Promise<void>;
  readonly #looksAt: (rule: Onlooker) => boolean;
  readonly #gate: Gate;
  readonly #turns: Turns;
  readonly #havoc: Havoc;
  readonly #following = new Following();
  readonly #links: DataLinks;
  readonly #history: History;
  readonly #transcript = new Transcript();
  readonly #workload: Workload;
  readonly #messages = new Messages();
  readonly #clients: (Client | null)[];
  /** Who opened each connection. */
  readonly #processes = new Map<number, ClientProcess>();
  /** Who has each session that the manager has. */
  readonly #sessions = new Map<number, ClientProcess>();
  #processesMade = 0;
  #isCalm = false;

  constructor(seed: number, options: WorldOptions) {
    this.trace = new Trace(options.traces ?? false);
    this.dice = random(seed);
    const { dice, scheduler } = this;
    const { only, mostly } = options;
    const own = ownDice(seed);
    this.weather = weatherFor(dice, own.storing, mostly);
    const { network, agent, workload, memoryBytes, processes, hasStore } = this.weather;
    this.#drained = options.lent.drained;
    this.#looksAt = (rule) => only === undefined || only === rule;
    const turnSteps = (): number => (this.#isCalm ? 0 : dice(this.weather.turnStepsMax));
    this.#turns = new Turns(
      () => this.#lives,
      turnSteps,
      scheduler,
      () => this.#gate,
    );
    this.#gate = new Gate(
      () => this.#lives.serving,
      () => this.#turns.plan(),
    );
    this.network = new Network(dice, scheduler, network, this.#gate);
    const tell = (input: ShellInput): void => this.#input(input);
    const pool = (): PoolState | null => this.#lives.manager?.pool ?? null;
    const count = (what: string): void => this.#count(what);
    const slips = options.agent ?? slipsOf(own.lag);
    const does = { count, slips, pool, dice, scheduler, slabs: this.#slabs, tell };
    this.#links = this.#linksOf(own.data, slips);
    this.#agent = new Agent({ ...own, ...does }, agent);
    const oracle = Object.assign(new Oracle(0, this.#following), { hasStore });
    this.#history = new History(oracle, this.#following, (id) => this.#processOf(id));
    this.#workload = new Workload(
      dice,
      own,
      { ...workload, mostly, hasStore },
      {
        ...{ slabs: this.#slabs, agent: this.#agent, following: this.#following, count },
        now: () => scheduler.now,
        later: (ms, action) => scheduler.after(ms, action),
      },
    );
    const machines = machinesOf(options.lent.checksum);
    this.#lives = new Lives({
      options: optionsOf(seed, memoryBytes, hasStore),
      dice,
      scheduler,
      keeping: this.weather.keeping,
      slowness: own.slowness,
      agent: this.#agent,
      inSlabs: this.#following.inSlabs,
      machines: { ...machines, ...options.machines?.(machines) },
      lent: options.lent,
      plant: options.plant ?? (() => {}),
      looksAt: this.#looksAt,
      events: this.#events(),
      onKept: (lived) => this.#onKept(lived),
      onDown: () => this.#onDown(),
      onUp: (manager, isNew) => this.#onUp(manager, isNew),
      count: (what) => this.#count(what),
      say: (words) => this.trace.say(scheduler.now, words),
    });
    this.#havoc = this.#havocOf();
    this.#clients = Array.from({ length: processes }, () => null);
  }

  #havocOf(): Havoc {
    const { dice, scheduler, weather } = this;
    return new Havoc({
      ...{ dice, scheduler, weather },
      slabs: this.#slabs,
      wanted: () => this.#history.oracle.slabsWanted(),
      lives: this.#lives,
      processes: () => this.#clients.map((client) => client?.process ?? null),
      isCalm: () => this.#isCalm,
      onDeath: () => this.#planSweep(),
      count: (what) => this.#count(what),
      say: (words) => this.trace.say(scheduler.now, words),
    });
  }

  #linksOf(dice: Dice, slips: Slips): DataLinks {
    const { scheduler } = this;
    return new DataLinks({
      ...{ scheduler, dice, slabs: this.#slabs, slips, following: this.#following },
      pool: () => this.#lives.serving?.pool ?? null,
      delayMsMax: () => this.network.weather.delayMsMax,
      isCalm: () => this.#isCalm,
      count: (what) => this.#count(what),
    });
  }

  /** What a manager tells; it may have ended since. */
  #events(): ConstructorParameters<typeof Lives>[0]['events'] {
    return {
      onAccept: (id, accepted) => {
        this.#count(accepted.resumed ? 'resumed' : 'opened');
        this.#gate.accept(id, accepted);
      },
      onRefuse: (id, code) => {
        this.#count(`refused ${code}`);
        this.#gate.refuse(id, code);
      },
      onFrame: (id, bytes) => this.#onFrame(id, bytes),
      onClose: (id) => this.#gate.close(id),
      onEffect: (effect) => this.#onEffect(effect),
      onOwing: () => this.#turns.planAcks(),
      onPlan: () => this.#turns.plan(),
    };
  }

  // Life, with faults.

  async live(ticks: number): Promise<void> {
    this.#lives.begin();
    for (let slot = 0; slot < this.#clients.length; slot++) this.#spawn(slot);
    this.#havoc.begin();
    while (this.scheduler.events < ticks && !this.isOver) if (!(await this.#step())) return;
  }

  /** Its pool is damaged: there is nothing more to hold it to. */
  get isOver(): boolean {
    return this.#lives.isOver;
  }

  /** Lets the next event happen, and what follows of it. */
  async #step(): Promise<boolean> {
    const lives = this.#lives;
    const isThere = this.scheduler.step();
    if (lives.isUnsettled) {
      lives.isUnsettled = false;
      await this.#drained();
    }
    if (lives.error !== null) throw lives.error;
    return isThere;
  }

  #spawn(slot: number): void {
    if (this.#isCalm) return;
    const client = this.#newClient();
    this.#clients[slot] = client;
    this.#workload.begin(client);
    client.process.flush();
    client.process.connect();
    this.#planAct(slot, client);
  }

  #newClient(): Client {
    const process = new ClientProcess(++this.#processesMade, {
      scheduler: this.scheduler,
      network: {
        isServed: () => this.#lives.serving !== null,
        connect: (end) => {
          const connection = this.network.connect(end);
          this.#processes.set(connection.id, process);
          return connection;
        },
      },
      dice: this.dice,
      onAnswer: (_, number, answer) => this.#onAnswer(process, number, answer),
      onTold: (said) => this.#count(`told ${wordOf(said)}`),
      onGivenUp: () => {
        this.#count('given up');
        this.#planSweep();
      },
      trace: (words) => this.trace.say(this.scheduler.now, words),
    });
    const link = this.#links.of(process);
    return { process, link, holdings: new Holdings(this.#slabs, link !== null) };
  }

  #planAct(slot: number, client: Client): void {
    this.scheduler.after(1 + this.dice(this.weather.thinkMsMax), () => {
      if (this.#isCalm) return;
      const { process } = client;
      if (!process.isAlive) return this.#spawn(slot);
      if (process.state === 'runs' && !process.isEnding) {
        const count = 1 + this.dice(this.weather.requestsMax);
        // Who is not answered waits, as a client does that has sent all that it may.
        const mayAsk = process.open.size < UNANSWERED_MAX;
        for (let made = 0; mayAsk && made < count && !process.isEnding; made++) {
          this.#workload.act(client);
        }
        process.flush();
      }
      this.#planAct(slot, client);
    });
  }

  // The shell of the manager.

  #processOf(connection: number): ClientProcess {
    const process = this.#processes.get(connection);
    assert(process !== undefined, "every connection is somebody's");
    return process;
  }

  #input(input: ShellInput): void {
    this.trace.say(this.scheduler.now, () => `input ${JSON.stringify(input)}`);
    this.#lives.manager?.input(input);
    this.#turns.plan();
  }

  /** The deaths of processes are found some time later. */
  #planSweep(): void {
    this.scheduler.after(this.dice(DEATH_MS_MAX), () => this.#sweep());
  }

  #sweep(): void {
    for (const [session, { isAlive }] of this.#sessions) {
      // Who was told of an end that the next manager has not found is gone as well.
      if (isAlive) continue;
      this.#lives.manager?.endSession(session, 'it is dead');
      this.#turns.plan();
    }
  }

  #onKept({ batch, counts, measured }: Lived): void {
    this.trace.number(batch.now);
    this.trace.say(this.scheduler.now, () => `batch ${batch.number} at ${batch.now} is kept`);
    for (const effect of batch.effects) if (effect.kind === 'freed') this.#slabs.poison(effect);
    this.#history.apply(batch);
    this.#history.compare({ counts, measured }, this.#looksAt);
    for (const entry of batch.entries) {
      if (entry.kind !== 'opened') continue;
      const process = this.#processOf(entry.connection);
      this.#sessions.set(entry.session, process);
      // It may be dead, and nobody knew that it has a session.
      if (!process.isAlive) this.#planSweep();
    }
    this.#havoc.onKept();
  }

  #onDown(): void {
    this.#links.lose();
    this.network.cutAll();
    this.#gate.reset();
    this.#turns.reset();
    this.#sessions.clear();
  }

  #onUp(manager: Manager, isNew: boolean): void {
    this.trace.say(this.scheduler.now, () => 'a manager serves');
    mustKnow(this.#agent.store.asks, this.#history.oracle.holds.storesOwed);
    for (const what of underWay(manager.pool)) this.#count(what);
    for (const { session, process } of manager.loop.sessions()) {
      this.#sessions.set(session, this.#processOf(Number(process['pid'])));
    }
    if (!isNew) this.#planSweep();
    this.#turns.plan();
  }

  #onFrame(id: number, bytes: Uint8Array): void {
    this.trace.number(id);
    this.trace.bytes(bytes);
    if (bytes[4] === FRAME.messages) {
      const messages = this.#messages;
      const session = this.#lives.manager?.sessionOf(id) ?? 0;
      messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
      const looks = this.#looksAt('same bytes again') || this.#looksAt('messages are in order');
      while (looks && messages.next()) this.#transcript.take(session, messages);
    }
    this.#gate.connections.get(id)?.toProcess(bytes);
  }

  #onEffect(effect: Effect): void {
    this.#count(effect.kind);
    this.#agent.perform(effect);
    if (effect.kind === 'session-ended') this.#sessions.delete(effect.session);
    if (effect.kind === 'name-contested') this.#sweep();
  }

  /** What the bytes that were delivered should be: of each part, or of the whole. */
  #onAnswer(process: ClientProcess, number: number, answer: Answer): readonly Uint8Array[] {
    const { session, requests } = process;
    const key = `${session}/${number}`;
    const { answers } = this.#history.oracle;
    const expected = answers.get(key);
    const words = (): string => `${key} (${requests[number - 1]?.words})`;
    // What is granted to a session that ends in the same batch may be granted again in it.
    if (expected === undefined && answer.kind === 'grant' && process.isEnding) return [];
    must(
      expected !== undefined,
      'who waits hears nothing',
      () => `${words()} waits, but has ${answer.kind}`,
    );
    if (this.#history.oracle.holds.known.has(key))
      compareHeld(words(), expected, answer, this.#looksAt);
    if (this.#history.oracle.taken.delete(key))
      compareTaken(words(), expected, answer, this.#looksAt);
    compare(words(), expected, answer, this.#looksAt);
    answers.delete(key);
    this.#count(answer.kind === 'fail' ? answer.code : answer.kind);
    return contentsOf(expected);
  }

  // The end, without faults.

  /** Everything that is open ends, everybody leaves, and nothing is left. */
  async end(): Promise<void> {
    this.#becomeCalm();
    const clients = this.#clients.filter((client) => client !== null);
    // What was held up by a fault comes after as long as that may last.
    const heldMs = this.#workload.isHolding ? HELD_MS : 0;
    await this.#pass(this.weather.faultMsMax + this.weather.workload.waitMsMax + CALM_MS + heldMs);
    this.#allAnswered(clients, (waitsMs) => waitsMs !== Number.POSITIVE_INFINITY);
    for (const client of clients) {
      if (client.process.isAlive && !client.process.isEnding) this.#workload.cancelEndless(client);
      client.process.flush();
    }
    await this.#pass(CALM_MS);
    this.#allAnswered(clients, () => true);
    const last = this.#newClient();
    last.process.connect();
    this.#workload.begin(last);
    last.process.flush();
    await this.#pass(CALM_MS);
    if (this.weather.drains) this.#input({ kind: 'drain', graceMs: CALM_MS });
    for (const client of clients) {
      if (client.process.isAlive && !client.process.isEnding) this.#workload.end(client);
      client.process.flush();
    }
    await this.#pass(CALM_MS);
    this.#workload.clear(last);
    this.#workload.end(last);
    last.process.flush();
    await this.#pass(CALM_MS);
    for (const { process } of [...clients, last]) {
      must(
        !process.isAlive,
        'everybody ends',
        () => `process ${process.id} has not come to its end`,
      );
    }
    const { manager } = this.#lives;
    assert(manager !== null, 'who has heard the end has a manager');
    if (this.weather.keeping !== null) await this.#stop();
    mustBeEmpty(manager.pool, this.#agent.store);
  }

  /** A clean stop; another manager would find what the last one had. */
  async #stop(): Promise<void> {
    let isOver = false;
    const ending = this.#lives.stop().finally(() => {
      isOver = true;
    });
    ending.catch(() => {});
    await this.#drained();
    while (!isOver) {
      await this.#step();
      await this.#drained();
    }
    await ending;
  }

  #becomeCalm(): void {
    this.#isCalm = true;
    this.#lives.becomeCalm();
    this.network.weather = CALM.network;
    this.#agent.weather = CALM.agent;
    for (const client of this.#clients) client?.process.goOn();
    this.#planSweep();
  }

  async #pass(ms: number): Promise<void> {
    let isOver = false;
    this.scheduler.after(ms, () => {
      isOver = true;
    });
    while (!isOver) {
      await this.#step();
      if (this.isOver) throw new Over();
    }
  }

  #allAnswered(clients: readonly Client[], which: (waitsMs: number) => boolean): void {
    for (const { process } of clients) {
      if (!process.isAlive) continue;
      for (const number of process.open) {
        const request = process.requests[number - 1];
        const words = (): string => {
          const why = this.#history.oracle.holds.wordsOf(process.session, number);
          return `${process.session}/${number} (${request?.words}) still waits; ${why}`;
        };
        must(request !== undefined && !which(request.waitsMs), 'liveness', words);
      }
    }
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

/** Lets a world live and end; what broke in it, and the digest of all that happened. */
export async function run(seed: number, options: WorldOptions): Promise<Result> {
  const world = new World(seed, options);
  let failure: Failure | null = null;
  try {
    await world.live(options.ticks);
    if (!world.isOver) await world.end();
  } catch (error) {
    if (!(error instanceof Over)) failure = failureOf(error);
  }
  const { trace, counts, scheduler } = world;
  const { digest, lines } = trace;
  return { seed, digest, events: scheduler.events, counts, failure, lines };
}
