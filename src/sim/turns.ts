import type { Gate } from './gate.js';
import { type Lives, STEP_MS } from './lives.js';
import type { Scheduler } from './scheduler.js';

const ACK_SOON_MS = 400;

/** When the manager at hand steps what has come, as the server's turns decide it. */
export class Turns {
  readonly #lives: () => Lives;
  readonly #gate: () => Gate;
  readonly #scheduler: Scheduler;
  /** How late the manager is, in steps of 4 ms. */
  readonly #lateness: () => number;
  #isPlanned = false;
  #acksPlanned = false;
  #tickAt = Number.POSITIVE_INFINITY;

  constructor(lives: () => Lives, lateness: () => number, scheduler: Scheduler, gate: () => Gate) {
    this.#lives = lives;
    this.#lateness = lateness;
    this.#scheduler = scheduler;
    this.#gate = gate;
  }

  plan(): void {
    const lives = this.#lives();
    if (this.#isPlanned || lives.manager === null) return;
    this.#isPlanned = true;
    const ms = STEP_MS - (this.#scheduler.now % STEP_MS) + STEP_MS * this.#lateness();
    lives.after(ms, () => this.#run());
  }

  planAcks(): void {
    if (this.#acksPlanned) return;
    this.#acksPlanned = true;
    this.#lives().after(ACK_SOON_MS, () => {
      this.#acksPlanned = false;
      this.#lives().manager?.acknowledge();
    });
  }

  /** The manager has ended, and what it had planned with it. */
  reset(): void {
    this.#isPlanned = false;
    this.#acksPlanned = false;
    this.#tickAt = Number.POSITIVE_INFINITY;
  }

  #run(): void {
    const lives = this.#lives();
    const { manager, now } = lives;
    this.#isPlanned = false;
    // What the journal cannot take now it takes later: then this comes again.
    if (manager === null || !manager.turn(now)) return;
    this.#gate().release(manager);
    const next = manager.nextDeadline;
    if (next >= this.#tickAt) return;
    this.#tickAt = next;
    lives.after(Math.max(0, next - now), () => {
      this.#tickAt = Number.POSITIVE_INFINITY;
      this.plan();
    });
  }
}
