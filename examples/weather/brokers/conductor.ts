/** Starts the programs of the broker workflow as processes, and hears what they say. */
import { resolve } from 'node:path';
import { Child, describeEnd } from '../demo/child.js';
import type { Medium } from '../demo/medium.js';
import { WeatherError } from '../errors.js';
import type { Result, Said, Word } from './part.js';
import { argumentsOf, type mainArguments } from './settings.js';

const ENDING_MS = 3_000;
/** Products of the worker that is to be killed, before that. */
const KILL_AFTER = 2;

/** These end behind all others, and in this order. */
const LAST: readonly string[] = ['late', 'librarian', 'tracer'];
/** Of these a killed one is started again; what it had in hand comes to the next one. */
const BESIDE: readonly string[] = ['archiver', 'librarian', 'tracer'];
const RESTARTS_MAX = 8;
/** These are for all of us: Ctrl-C, and a terminal that is closed. */
const FOR_ALL: readonly (string | null)[] = ['SIGINT', 'SIGHUP'];

/** What a program has said at its end. */
export interface Ended {
  readonly role: string;
  readonly result: Result;
}

type Arguments = ReturnType<typeof mainArguments>;

interface Player {
  readonly role: string;
  readonly child: Child;
  promised: number;
  count: number;
  result: Result | null;
}

export class Conductor {
  readonly #medium: Medium;
  readonly #demo: Arguments;
  readonly #say: (text: string) => void;
  readonly #players: Player[] = [];
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #killed: Child | null = null;
  readonly #words = new Map<string, Word>();
  #restarts = 0;
  #isEnding = false;

  constructor(medium: Medium, demo: Arguments, say: (text: string) => void) {
    this.#say = say;
    this.#medium = medium;
    this.#demo = demo;
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
    void medium.server?.ended.then(() => this.#fail(new Error('The pool has ended')));
  }

  /** What the programs have said at their ends. */
  async run(signal: AbortSignal): Promise<readonly Ended[]> {
    const interrupt = (): void => this.#fail(new Error('interrupted'));
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    const { members, workers, isConducted } = this.#demo.settings;
    try {
      if (isConducted) for (const role of ['archiver', 'tracer']) this.#start(role, 0);
      // In any order: they wait for one another, and who comes late misses nothing.
      for (let number = 0; number < members; number++) this.#start('producer', number);
      for (let number = 0; number < members; number++) this.#start('broker', number);
      this.#start('contract', 0);
      for (let number = 0; number < workers; number++) this.#start('worker', number);
      for (const { role, child } of this.#players) {
        if (!LAST.includes(role)) await Promise.race([this.#failed, child.ended]);
      }
      for (const role of LAST) await this.#finish(role);
    } finally {
      await this.#endAll();
    }
    return this.#players.flatMap(({ role, result }) => (result === null ? [] : [{ role, result }]));
  }

  async #finish(role: string): Promise<void> {
    this.#words.set(role, 'end');
    // One that is started again stands behind the one that was killed.
    for (const each of this.#players) {
      if (each.role !== role) continue;
      each.child.tell('end');
      await Promise.race([this.#failed, each.child.ended]);
    }
  }

  /** How often one that runs beside was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  get isOneKilled(): boolean {
    return this.#killed?.end?.signal === 'SIGKILL';
  }

  #start(role: string, number: number): void {
    const { settings, out } = this.#demo;
    const child = new Child({
      name: `${role}[${number}]`,
      file: `../brokers/${role}.js`,
      args: [...argumentsOf(settings), '--number', `${number}`, '--out', resolve(out)],
      env: this.#medium.env,
      onMessage: (said) => this.#hear(player, said as Said),
    });
    const player: Player = { role, child, promised: 0, count: 0, result: null };
    this.#players.push(player);
    const word = this.#words.get(role);
    if (word !== undefined) child.tell(word);
    void child.ended.then((end) => {
      if (!child.hasFailed || child === this.#killed || this.#isEnding) return;
      if (this.#startAgain(role, child)) return;
      const why = child.errors === '' ? '' : `: ${child.errors}`;
      const text = `Cannot finish: ${child.name} ${describeEnd(end)}${why}`;
      this.#fail(new WeatherError('program-failed', text));
    });
  }

  #startAgain(role: string, { name, end }: Child): boolean {
    const isKilled = end !== undefined && end.signal !== null && !FOR_ALL.includes(end.signal);
    if (!isKilled || !BESIDE.includes(role) || this.#restarts === RESTARTS_MAX) return false;
    this.#restarts++;
    this.#say(`  ${name} ${describeEnd(end)}: it is started again`);
    this.#start(role, 0);
    return true;
  }

  #has(role: string): boolean {
    return this.#players.some((player) => player.role === role);
  }

  #hear(player: Player, said: Said): void {
    if (said.kind === 'note') this.#say(`  ${said.text}`);
    else if (said.kind === 'result') player.result = said.result;
    else if (said.kind === 'promised') player.promised = said.count;
    else if (said.kind === 'ready') {
      // Now there is a store to lend from.
      if (player.role === 'archiver' && !this.#has('librarian')) this.#start('librarian', 0);
    } else {
      player.count = said.count;
      if (player.role === 'producer') this.#lateOne();
      if (player.role === 'worker') this.#kill(player);
    }
  }

  /** When a third of all is offered somebody joins of whom nobody knew. */
  #lateOne(): void {
    const producers = this.#players.filter(({ role }) => role === 'producer');
    if (producers.some(({ promised }) => promised === 0)) return;
    const sum = (of: 'promised' | 'count') => producers.reduce((all, one) => all + one[of], 0);
    if (sum('count') < sum('promised') / 3) return;
    if (this.#has('late')) return;
    this.#say(`  late[0] joins when ${sum('count')} of ${sum('promised')} fields are handed over`);
    this.#start('late', 0);
  }

  #kill({ child, count }: Player): void {
    if (!this.#demo.isWorkerKilled || this.#killed !== null || count < KILL_AFTER) return;
    this.#killed = child;
    this.#say(`  ${child.name} is killed after ${count} products`);
    child.kill('SIGKILL');
  }

  async #endAll(): Promise<void> {
    this.#isEnding = true;
    const running = this.#players.map(({ child }) => child).filter(({ end }) => end === undefined);
    const ended = Promise.all(running.map((child) => child.ended));
    for (const child of running) child.kill('SIGTERM');
    const timer = setTimeout(() => {
      for (const child of running) child.kill('SIGKILL');
    }, ENDING_MS);
    await ended;
    clearTimeout(timer);
  }
}
