import type { Dice } from './dice.js';
import type { Scheduler } from './scheduler.js';

/** Who stands at an end of a connection. */
export interface End {
  onBytes(connection: Connection, bytes: Uint8Array): void;
  /** It is closed, cut or lost: nothing comes any more. */
  onClosed(connection: Connection): void;
}

/** How bad a network is, ms; odds are one in so many. */
export interface NetworkWeather {
  readonly delayMsMax: number;
  /** Odds that a write arrives in two pieces. */
  readonly splitOdds: number;
  /** How long an end may not notice that the connection was cut. */
  readonly halfOpenMsMax: number;
}

/** One direction: bytes arrive in order, late, and in other pieces than they were written. */
interface Pipe {
  /** When the last of it arrives. */
  busyUntil: number;
  ended: boolean;
}

/**
 * A stream connection between a process and the manager. Both directions keep their order; when it
 * is cut, what is under way is lost, in the middle of a frame too, and either end hears of it later
 * than the other.
 */
export class Connection {
  readonly id: number;
  readonly #network: Network;
  readonly #process: End;
  readonly #manager: End;
  readonly #toProcess: Pipe = { busyUntil: 0, ended: false };
  readonly #toManager: Pipe = { busyUntil: 0, ended: false };
  #isCut = false;

  constructor(network: Network, id: number, process: End, manager: End) {
    this.#network = network;
    this.id = id;
    this.#process = process;
    this.#manager = manager;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  toManager(bytes: Uint8Array): void {
    this.#send(this.#toManager, this.#manager, bytes);
  }

  toProcess(bytes: Uint8Array): void {
    this.#send(this.#toProcess, this.#process, bytes);
  }

  /** The process is slow to take what comes, or the manager is: for so long nothing arrives. */
  stall(side: 'process' | 'manager', ms: number): void {
    const pipe = side === 'process' ? this.#toProcess : this.#toManager;
    pipe.busyUntil = Math.max(pipe.busyUntil, this.#network.scheduler.now + ms);
  }

  /** The manager closes it: what was written before arrives. */
  close(): void {
    if (this.#toProcess.ended) return;
    this.#toProcess.ended = true;
    this.#toManager.ended = true;
    this.#deliver(this.#toProcess, () => this.#process.onClosed(this));
  }

  /** Both ends lose it; each hears of it in its own time. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    const { dice, scheduler, weather } = this.#network;
    for (const end of [this.#process, this.#manager]) {
      scheduler.after(dice(1 + weather.halfOpenMsMax), () => end.onClosed(this));
    }
  }

  #send(pipe: Pipe, end: End, bytes: Uint8Array): void {
    if (this.#isCut || pipe.ended) return;
    const { dice, weather } = this.#network;
    if (bytes.length > 1 && dice(weather.splitOdds) === 0) {
      const at = 1 + dice(bytes.length - 1);
      this.#deliver(pipe, () => end.onBytes(this, bytes.subarray(0, at)));
      this.#deliver(pipe, () => end.onBytes(this, bytes.subarray(at)));
    } else this.#deliver(pipe, () => end.onBytes(this, bytes));
  }

  #deliver(pipe: Pipe, action: () => void): void {
    const { dice, scheduler, weather } = this.#network;
    const at = Math.max(pipe.busyUntil, scheduler.now + dice(1 + weather.delayMsMax));
    pipe.busyUntil = at;
    scheduler.after(at - scheduler.now, () => {
      if (!this.#isCut) action();
    });
  }
}

/** Makes connections to the manager. */
export class Network {
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  weather: NetworkWeather;
  readonly #manager: End;
  #made = 0;
  #connections: Connection[] = [];

  constructor(dice: Dice, scheduler: Scheduler, weather: NetworkWeather, manager: End) {
    this.dice = dice;
    this.scheduler = scheduler;
    this.weather = weather;
    this.#manager = manager;
  }

  connect(process: End): Connection {
    const connection = new Connection(this, ++this.#made, process, this.#manager);
    this.#connections.push(connection);
    return connection;
  }

  /** The manager has ended: all connections are lost. */
  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
    this.#connections = [];
  }
}
