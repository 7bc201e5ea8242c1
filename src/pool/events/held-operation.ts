import type { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { Session } from '../sessions.js';
import type { MeasureAsked } from '../state.js';
import type { SelectedAhead } from './held-selected.js';

/** An operation that is not applied yet: others have a say in it, or in one it stands behind. */
export interface HeldOperation {
  /** Of the events that tell of it, one of each object; none while it stands behind another. */
  seqs: readonly number[];
  /** A bit for each kind of event that all were told of. */
  passed: number;
  /** Of which version all were told that it ends, by the event of its offer; 0: of none. */
  ends: number;
  readonly session: Session;
  readonly request: number;
  readonly code: number;
  /** The body of its message: an arena record. */
  readonly message: number;
  /** What it must not overtake, and what must not overtake it. */
  readonly lanes: readonly Lane[];
  /** The subscriptions whose word is waited for, with the pool time until when. */
  readonly waitsFor: Map<number, number>;
  /** ... with how many of its events each has not let go: of a group there are many. */
  readonly owed: Map<number, number>;
  since: number;
  /** When it was asked for, among all that has waited: of several that are due the first goes. */
  readonly order: number;
  /** Ends the wait for the first of them. */
  timer: number;
  /** What a request by a selector was asked of; null: it was not. */
  selected: SelectedAhead | null;
  /** An offer whose bytes go to the store first. */
  store: HeldStore | null;
  /** Of offers that are measured before others are told of them; null: they are not. */
  measure: HeldMeasure | null;
  /** Why it must not be. */
  veto: AttaccaError | null;
}

/** What goes to the store before an offer takes effect: of a group there is much. */
interface HeldStore {
  /** The number of the question for the first; those of the others follow. */
  readonly ask: number;
  readonly pieces: readonly HeldPiece[];
  /** Of how many the agent has not said yet that they are there. */
  left: number;
}

/** A version that goes to the store, or a part of one, as a handle of its client offers it. */
export interface HeldPiece {
  readonly handle: number;
  readonly object: number;
  readonly version: number;
  readonly isPart: boolean;
  isDone: boolean;
}

/** What is measured of an operation: of a group there are many. */
export interface HeldMeasure {
  /** In the order of its message. */
  readonly all: readonly MeasuredOffer[];
  /** How many of them the agent was asked for: the others wait for their turn. */
  begun: number;
  /** How many it has not answered, or was not asked for. */
  left: number;
}

/** Bytes that are measured, and what came of it: null while it is not known, or cannot be. */
export interface MeasuredOffer {
  /** Which of the offers of its message: a group has many. */
  readonly index: number;
  readonly asked: MeasureAsked;
  isDone: boolean;
  statistics: Uint8Array | null;
}

/** What is kept of what is measured of an operation, at most, beside its message. */
export function measureBytes(all: readonly Pick<MeasuredOffer, 'asked'>[]): number {
  let bytes = 0;
  for (const { asked } of all) {
    bytes += LIMITS.measuredBytesMax;
    if (asked.encoded === undefined) continue;
    bytes += asked.encoded.how.length + (asked.encoded.inline?.length ?? 0);
  }
  return bytes;
}

/** The operations of a session that come one after the other: the first is held. */
export type Lane = number | string;
