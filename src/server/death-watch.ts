import { LIMITS } from '../core/limits.js';
import type { ValueMap } from '../core/value.js';
import {
  type Liveness,
  ownIdentity,
  type ProcessIdentity,
  processAlive,
} from '../levels/process-identity.js';
import { processInfoOf } from '../protocol/index.js';

/**
 * When to look at the process of a session that is away, in ms after one another: the kernel closes
 * the sockets of a dying process a moment before its pid is gone. The last is repeated.
 */
const LOOK_MS = [1, 2, 5, 10, 50, 100, 250, 500] as const;
const LOOK_LATER_MS = 500;

/** The identity that a client states in HELLO. */
export function identityOf(process: ValueMap): ProcessIdentity {
  const { pid, startTime, bootId, pidNamespace, host } = processInfoOf(process);
  return {
    pid,
    startTime: startTime === 0 ? null : String(startTime),
    bootId: bootId === '' ? null : bootId,
    pidNamespace: pidNamespace === '' ? null : pidNamespace,
    hostname: host,
  };
}

/** Whether nothing that both platforms tell speaks against it. */
export function mayBeSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  const differs = (mine: string | null, theirs: string | null): boolean =>
    mine !== null && theirs !== null && mine !== theirs;
  return (
    one.pid === other.pid &&
    !differs(one.startTime, other.startTime) &&
    !differs(one.bootId, other.bootId) &&
    !differs(one.pidNamespace, other.pidNamespace)
  );
}

/** Certain: what a platform does not tell is not equal. */
export function isSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return (
    one.pid > 0 &&
    one.pid === other.pid &&
    one.startTime !== null &&
    one.startTime === other.startTime &&
    one.bootId !== null &&
    one.bootId === other.bootId &&
    one.pidNamespace === other.pidNamespace
  );
}

interface Away {
  readonly identity: ProcessIdentity;
  readonly sinceMs: number;
  /** Its process has opened another session since: that it lives does not speak for this one. */
  isSucceeded: boolean;
  looks: number;
  timer: NodeJS.Timeout | null;
}

interface DeathWatchOptions {
  /** A session's process is dead, or it was away for too long; called once. */
  readonly onGone: (session: number, why: string) => void;
  readonly now: () => number;
  readonly awayMsMax?: number | undefined;
  /** For tests: what the system says of a process. */
  readonly liveness?: ((identity: ProcessIdentity) => Liveness) | undefined;
}

/**
 * Watches the processes of sessions whose connection is closed. On one host the kernel tells: dead
 * is gone, alive (stopped, too) is waited for without end. Where nobody can tell, only time does;
 * so it does, too, for a session whose process has opened another: a client that gave a session up
 * will never take it up again, and would keep itself out of its own names and memory as long as it
 * lives. A session whose connection is open is never looked at.
 */
export class DeathWatch {
  readonly #options: DeathWatchOptions;
  readonly #awayMsMax: number;
  readonly #liveness: (identity: ProcessIdentity) => Liveness;
  readonly #away = new Map<number, Away>();
  #isClosed = false;

  constructor(options: DeathWatchOptions) {
    this.#options = options;
    this.#awayMsMax = options.awayMsMax ?? LIMITS.sessionAwayMsMax;
    const here = ownIdentity();
    this.#liveness = options.liveness ?? ((identity) => processAlive(identity, here));
  }

  /** The connection of a session is lost. Looks at once. */
  away(session: number, identity: ProcessIdentity): void {
    if (this.#isClosed) return;
    this.back(session);
    const away: Away = {
      identity,
      sinceMs: this.#options.now(),
      isSucceeded: false,
      looks: 0,
      timer: null,
    };
    this.#away.set(session, away);
    this.#look(session, away);
  }

  /** The session has a connection again, or has ended. */
  back(session: number): void {
    const away = this.#away.get(session);
    if (away === undefined) return;
    if (away.timer !== null) clearTimeout(away.timer);
    this.#away.delete(session);
  }

  /** A process opens a session: looks at once at those of its own that are away. */
  succeeded(identity: ProcessIdentity): void {
    for (const [session, away] of this.#away) {
      if (!isSameProcess(away.identity, identity)) continue;
      away.isSucceeded = true;
      if (away.timer !== null) clearTimeout(away.timer);
      this.#look(session, away);
    }
  }

  /** Somebody wants what a session holds: ends it if its process is dead, connected or not. */
  question(session: number, identity: ProcessIdentity): void {
    if (this.#isClosed || identity.pid === 0 || this.#liveness(identity) !== 'dead') return;
    this.back(session);
    this.#gone(session, `process ${identity.pid} has ended`);
  }

  /** Watches nobody any more. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const session of [...this.#away.keys()]) this.back(session);
  }

  #look(session: number, away: Away): void {
    const found = away.identity.pid > 0 ? this.#liveness(away.identity) : 'unknown';
    const awayMs = this.#options.now() - away.sinceMs;
    const { pid } = away.identity;
    if (found === 'dead') {
      this.#gone(session, `process ${pid} has ended`);
      return;
    }
    const why = reasonToCount(found, away);
    if (why !== null && awayMs >= this.#awayMsMax) {
      this.#gone(session, `away for ${awayMs} ms, and its process ${why}`);
      return;
    }
    const waitMs = LOOK_MS[away.looks] ?? LOOK_LATER_MS;
    away.looks++;
    away.timer = setTimeout(() => this.#look(session, away), waitMs);
  }

  #gone(session: number, why: string): void {
    this.#away.delete(session);
    this.#options.onGone(session, why);
  }
}

/** Why only time tells whether a session is taken up again, or null. */
function reasonToCount(found: Liveness, away: Away): string | null {
  if (found === 'unknown') return 'cannot be seen from here';
  return away.isSucceeded ? 'has opened another session' : null;
}
