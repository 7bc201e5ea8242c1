/**
 * What a program of the workflow has done: counts, times and fingerprints, for the demo's table.
 */
import { createHash } from 'node:crypto';
import { monotonicMs } from '../clock.js';
import { RunDelay } from '../run-delay.js';

export interface Counts {
  /** Fields of the model offered. */
  fields: number;
  /** Their bytes. */
  bytes: number;
  /** Fields received whose sums were checked. */
  checked: number;
  products: number;
  maps: number;
  /** Steps of the model integrated. */
  steps: number;
}

export interface TallyResult extends Readonly<Counts> {
  readonly startedMs: number;
  readonly endedMs: number;
  /** When the last product was computed; 0 without. */
  readonly lastProductMs: number;
  /** Of a producer: time in handing over, part of the time from start to end. */
  readonly stalledMs: number;
  /** One for each product: from the offer of the last field it needed until it was computed. */
  readonly latenciesMs: readonly number[];
  /** One for each product, in no order: its name and a hash of its bytes, or what it says. */
  readonly fingerprints: readonly string[];
  /** Paths of maps drawn. */
  readonly paths: readonly string[];
}

export class Tally {
  readonly counts: Counts = { fields: 0, bytes: 0, checked: 0, products: 0, maps: 0, steps: 0 };
  readonly #latenciesMs: number[] = [];
  readonly #fingerprints: string[] = [];
  readonly #paths: string[] = [];
  readonly #onChange: () => void;
  readonly #runDelay = new RunDelay();
  #startedMs = monotonicMs();
  #stalledMs = 0;
  #lastProductMs = 0;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** The work begins here, not with the start of the process. */
  start(): void {
    this.#startedMs = monotonicMs();
  }

  add(what: Partial<Counts>): void {
    for (const [name, count] of Object.entries(what) as [keyof Counts, number][]) {
      this.counts[name] += count;
    }
    this.#onChange();
  }

  /**
   * Counts the time that handing over takes from the model's: its own work and its waits, not the
   * time in which other programs had the processors.
   */
  async stalled<T>(handOver: () => T | Promise<T>): Promise<T> {
    const beforeMs = monotonicMs() - this.#runDelay.ms;
    const result = await handOver();
    // The two clocks are read one after the other: on a busy host the difference may be negative.
    this.#stalledMs += Math.max(0, monotonicMs() - this.#runDelay.ms - beforeMs);
    return result;
  }

  product(name: string, bytes: Uint8Array, latencyMs: number): void {
    this.latency(latencyMs);
    this.fingerprint(name, createHash('sha256').update(bytes).digest('hex'));
  }

  /** What a product is, told apart from any other of its name. */
  fingerprint(name: string, content: string): void {
    this.#fingerprints.push(`${name} ${content}`);
  }

  /** A product was computed so long after the last field that it needed was. */
  latency(latencyMs: number): void {
    this.#lastProductMs = monotonicMs();
    this.#latenciesMs.push(latencyMs);
    this.add({ products: 1 });
  }

  map(path: string): void {
    this.#paths.push(path);
    this.add({ maps: 1 });
  }

  result(): TallyResult {
    return {
      ...this.counts,
      startedMs: this.#startedMs,
      endedMs: monotonicMs(),
      lastProductMs: this.#lastProductMs,
      stalledMs: this.#stalledMs,
      latenciesMs: this.#latenciesMs,
      fingerprints: this.#fingerprints,
      paths: this.#paths,
    };
  }
}
