import { AssertionFailed } from '../core/assert.js';
import { checkInvariants } from '../pool/invariants.js';
import type { Effect, PoolOptions } from '../pool/state.js';
import { FRAME, FRAME_HEADER_SIZE, Messages } from '../protocol/index.js';
import { Agent } from './agent.js';
import { type Answer, compare } from './answers.js';
import type { Client } from './asking.js';
import { type Dice, random } from './dice.js';
import { Following } from './following.js';
import { Gate } from './gate.js';
import { History } from './history.js';
import { Holdings } from './holdings.js';
import { type Batch, Manager, type ShellInput } from './manager.js';
import { ClientProcess } from './member.js';
import { Network } from './network.js';
import { GRACE_MS, Oracle } from './oracle.js';
import { Scheduler } from './scheduler.js';
import { Slabs } from './slabs.js';
import { Trace } from './trace.js';
import { Transcript } from './transcript.js';
import { must, Violation } from './violation.js';
import { CALM, type Weather, weatherOf } from './weather.js';
import { Workload } from './workload.js';

/** All moments of pool time are multiples of this, so that no two kinds of waits end at once. */
const STEP_MS = 4;
const DEATH_MS_MAX = 200;
/** Requests that a process has without an answer, at most. */
const UNANSWERED_MAX = 100;
const ACK_SOON_MS = 400;
/** When faults have stopped, what is under way is over after this, beside what waits. */
const CALM_MS = 3_000;

interface WorldOptions {
  /** How many events happen before faults stop. */
  readonly ticks: number;
  /** Whether what happens is written down in words. */
  readonly traces?: boolean;
  /** Breaks something on purpose, when the manager is new. */
  readonly plant?: (manager: Manager) => void;
}

export interface Failure {
  readonly rule: string;
  readonly message: string;
  readonly stack: string;
}

export interface Result {
  readonly seed: number;
  /** Of all bytes that went anywhere, and when. */
  readonly digest: string;
  readonly events: number;
  /** How often each operation, fault and answer has happened. */
  readonly counts: ReadonlyMap<string, number>;
  readonly failure: Failure | null;
  readonly lines: readonly string[];
}

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
  readonly #manager: Manager;
  readonly #gate: Gate;
  readonly #following = new Following();
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
  #turnPlanned = false;
  #acksPlanned = false;
  #tickAt = Number.POSITIVE_INFINITY;

  constructor(seed: number, options: WorldOptions) {
    this.trace = new Trace(options.traces ?? false);
    this.dice = random(seed);
    const { dice, scheduler } = this;
    this.weather = weatherOf(dice);
    const { network, agent, workload, memoryBytes, processes } = this.weather;
    this.#gate = new Gate(
      () => this.#manager,
      () => this.#planTurn(),
    );
    this.network = new Network(dice, scheduler, network, this.#gate);
    const tell = (input: ShellInput): void => this.#input(input);
    this.#agent = new Agent({ dice, scheduler, slabs: this.#slabs, tell }, agent);
    const oracle = new Oracle(0, this.#following);
    this.#history = new History(oracle, this.#following, (id) => this.#processOf(id));
    this.#workload = new Workload(dice, workload, {
      slabs: this.#slabs,
      agent: this.#agent,
      following: this.#following,
      count: (what) => this.#count(what),
    });
    this.#manager = new Manager(optionsOf(seed, memoryBytes), {
      onAccept: (id, accepted) => {
        if (!accepted.resumed) this.#sessions.set(accepted.session, this.#processOf(id));
        this.#count(accepted.resumed ? 'resumed' : 'opened');
        this.#gate.accept(id, accepted);
      },
      onRefuse: (id, code) => {
        this.#count(`refused ${code}`);
        this.#gate.refuse(id, code);
      },
      onFrame: (id, bytes) => this.#onFrame(id, bytes),
      onClose: (id) => this.#gate.close(id),
      onBatch: (batch) => this.#onBatch(batch),
      onEffect: (effect) => this.#onEffect(effect),
    });
    options.plant?.(this.#manager);
    this.#clients = Array.from({ length: processes }, () => null);
  }

  // Life, with faults.

  live(ticks: number): void {
    for (let slot = 0; slot < this.#clients.length; slot++) this.#spawn(slot);
    this.#planFault();
    while (this.scheduler.events < ticks && this.scheduler.step());
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
        connect: (end) => {
          const connection = this.network.connect(end);
          this.#processes.set(connection.id, process);
          return connection;
        },
      },
      dice: this.dice,
      onAnswer: (_, number, answer) => this.#onAnswer(process, number, answer),
      onGivenUp: () => {
        this.#count('given up');
        this.#planSweep();
      },
      trace: (words) => this.trace.say(this.scheduler.now, words),
    });
    return { process, holdings: new Holdings(this.#slabs) };
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

  #planFault(): void {
    const { faults, faultMsMax } = this.weather;
    if (faults.length === 0) return;
    this.scheduler.after(1 + this.dice(faultMsMax), () => {
      if (this.#isCalm) return;
      const fault = faults[this.dice(faults.length)];
      const client = this.#clients[this.dice(this.#clients.length)];
      const process = client?.process;
      if (fault !== undefined && process?.isAlive === true) {
        this.trace.say(this.scheduler.now, () => `fault: ${fault} of process ${process.id}`);
        this.#count(fault);
        this.#fault(fault, process);
      }
      this.#planFault();
    });
  }

  #fault(fault: Weather['faults'][number], process: ClientProcess): void {
    const ms = 1 + this.dice(this.weather.faultMsMax);
    switch (fault) {
      case 'cut':
        process.connection?.cut();
        break;
      case 'switch':
        process.switchConnection();
        break;
      case 'again':
        process.sendAgain();
        break;
      case 'stall':
        process.connection?.stall('process', ms);
        break;
      case 'deaf':
        process.connection?.stall('manager', ms);
        break;
      case 'kill':
        process.die();
        this.#planSweep();
        break;
      case 'stop':
        process.stop();
        this.scheduler.after(ms, () => process.goOn());
        break;
    }
  }

  // The shell of the manager.

  #processOf(connection: number): ClientProcess {
    const process = this.#processes.get(connection);
    must(process !== undefined, 'exactly once', () => `connection ${connection} is nobody's`);
    return process;
  }

  #input(input: ShellInput): void {
    this.trace.say(this.scheduler.now, () => `input ${JSON.stringify(input)}`);
    this.#manager.input(input);
    this.#planTurn();
  }

  /** The deaths of processes are found some time later. */
  #planSweep(): void {
    this.scheduler.after(this.dice(DEATH_MS_MAX), () => this.#sweep());
  }

  #sweep(): void {
    for (const [session, { state }] of this.#sessions) {
      if (state === 'dead') this.#input({ kind: 'session-gone', session, why: 'it is dead' });
    }
  }

  #planTurn(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    const steps = this.#isCalm ? 0 : this.dice(this.weather.turnStepsMax);
    const ms = STEP_MS - (this.scheduler.now % STEP_MS) + STEP_MS * steps;
    this.scheduler.after(ms, () => this.#turn());
  }

  #turn(): void {
    this.#turnPlanned = false;
    const { now } = this.scheduler;
    this.#manager.turn(now);
    if (this.#manager.isDue) this.#planTurn();
    const next = this.#manager.nextDeadline;
    if (next < this.#tickAt) {
      this.#tickAt = next;
      this.scheduler.after(Math.max(0, next - now), () => {
        this.#tickAt = Number.POSITIVE_INFINITY;
        this.#planTurn();
      });
    }
    if (this.#acksPlanned) return;
    this.#acksPlanned = true;
    this.scheduler.after(ACK_SOON_MS, () => {
      this.#acksPlanned = false;
      this.#manager.acknowledge();
    });
  }

  #onBatch(batch: Batch): void {
    this.trace.number(batch.now);
    this.trace.say(batch.now, () => `batch of ${batch.entries.length}`);
    for (const effect of batch.effects) if (effect.kind === 'freed') this.#slabs.poison(effect);
    this.#history.apply(batch);
    const { pool } = this.#manager;
    checkInvariants(pool);
    this.#history.compare(pool);
  }

  #onFrame(id: number, bytes: Uint8Array): void {
    this.trace.number(id);
    this.trace.bytes(bytes);
    if (bytes[4] === FRAME.messages) {
      const messages = this.#messages;
      const session = this.#manager.sessionOf(id);
      messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
      while (messages.next()) this.#transcript.take(session, messages);
    }
    this.#gate.connections.get(id)?.toProcess(bytes);
  }

  #onEffect(effect: Effect): void {
    this.#count(effect.kind);
    this.#agent.perform(effect);
    if (effect.kind === 'session-ended') this.#sessions.delete(effect.session);
    if (effect.kind === 'name-contested') this.#sweep();
  }

  #onAnswer(process: ClientProcess, number: number, answer: Answer): Uint8Array | null {
    const { session, requests } = process;
    const key = `${session}/${number}`;
    const { answers } = this.#history.oracle;
    const expected = answers.get(key);
    const words = (): string => `${key} (${requests[number - 1]?.words})`;
    // What is granted to a session that ends in the same batch may be granted again in it.
    if (expected === undefined && answer.kind === 'grant' && process.isEnding) return null;
    must(expected !== undefined, 'model', () => `${words()} waits, but has ${answer.kind}`);
    compare(words(), expected, answer);
    answers.delete(key);
    this.#count(answer.kind === 'fail' ? answer.code : answer.kind);
    if (expected.kind !== 'deliver' || expected.source === 0) return null;
    const { payload } = expected.version;
    return payload.kind === 'nothing' ? null : payload.content;
  }

  // The end, without faults.

  /** Everything that is open ends, everybody leaves, and nothing is left. */
  end(): void {
    this.#becomeCalm();
    const clients = this.#clients.filter((client) => client !== null);
    // What was held up by a fault comes after as long as that may last.
    this.#pass(this.weather.faultMsMax + this.weather.workload.waitMsMax + CALM_MS);
    this.#allAnswered(clients, (waitsMs) => waitsMs !== Number.POSITIVE_INFINITY);
    for (const client of clients) {
      if (client.process.isAlive && !client.process.isEnding) this.#workload.cancelEndless(client);
      client.process.flush();
    }
    this.#pass(CALM_MS);
    this.#allAnswered(clients, () => true);
    const last = this.#newClient();
    last.process.connect();
    this.#workload.begin(last);
    last.process.flush();
    this.#pass(CALM_MS);
    if (this.weather.drains) this.#input({ kind: 'drain', graceMs: CALM_MS });
    for (const client of clients) {
      if (client.process.isAlive && !client.process.isEnding) this.#workload.end(client);
      client.process.flush();
    }
    this.#pass(CALM_MS);
    this.#workload.clear(last);
    this.#workload.end(last);
    last.process.flush();
    this.#pass(CALM_MS);
    for (const { process } of [...clients, last]) {
      must(!process.isAlive, 'liveness', () => `process ${process.id} has not come to its end`);
    }
    this.#nothingIsLeft();
  }

  #becomeCalm(): void {
    this.#isCalm = true;
    this.network.weather = CALM.network;
    this.#agent.weather = CALM.agent;
    for (const client of this.#clients) client?.process.goOn();
    this.#planSweep();
  }

  #pass(ms: number): void {
    const { scheduler } = this;
    let over = false;
    scheduler.after(ms, () => {
      over = true;
    });
    while (!over) scheduler.step();
  }

  #allAnswered(clients: readonly Client[], which: (waitsMs: number) => boolean): void {
    for (const { process } of clients) {
      if (!process.isAlive) continue;
      for (const number of process.open) {
        const request = process.requests[number - 1];
        const words = (): string => `${process.session}/${number} (${request?.words}) still waits`;
        must(request !== undefined && !which(request.waitsMs), 'liveness', words);
      }
    }
  }

  #nothingIsLeft(): void {
    const { pool } = this.#manager;
    const { extents } = pool;
    const left = {
      sessions: pool.sessions.size,
      members: pool.members.size,
      objects: pool.objects.used,
      handles: pool.handles.used,
      versions: pool.versions.used,
      waits: pool.waits.used,
      leaseWaits: pool.leaseWaits.length,
      arena: pool.arena.bytesUsed,
      inline: pool.bytesInline,
      spaces: pool.spaces.used,
      memory: extents.bytesTotal - extents.bytesFree,
    };
    for (const [what, count] of Object.entries(left)) {
      must(count === 0, 'nothing is left', () => `${count} of ${what}`);
    }
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

function optionsOf(seed: number, memoryBytesMax: number): PoolOptions {
  return {
    id: 'sim',
    name: 'sim',
    hashSeed: seed,
    memoryBytesMax,
    deadlineDefaultMs: 2_001,
    promiseGraceMs: GRACE_MS,
    durability: 0,
    slabDurability: 0,
    reportFreed: true,
  };
}

/** Lets a world live and end; what broke in it, and the digest of all that happened. */
export function run(seed: number, options: WorldOptions): Result {
  const world = new World(seed, options);
  let failure: Failure | null = null;
  try {
    world.live(options.ticks);
    world.end();
  } catch (error) {
    failure = failureOf(error);
  }
  const { trace, counts, scheduler } = world;
  const { digest, lines } = trace;
  return { seed, digest, events: scheduler.events, counts, failure, lines };
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) throw error;
  const { message, stack = '' } = error;
  if (error instanceof Violation) return { rule: error.rule, message, stack };
  return { rule: error instanceof AssertionFailed ? 'assertion' : 'crash', message, stack };
}
