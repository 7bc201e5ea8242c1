import type { ErrorCode } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import type { PoolOptions } from './state.js';

/** What may be another with each manager of a pool. */
type RestartOptions = Omit<PoolOptions, 'id' | 'name' | 'hashSeed'>;

/** What came of a measurement: statistics as they are encoded; null: there were no bytes. */
export interface MeasureResult {
  readonly ask: number;
  readonly statistics: Uint8Array | null;
}

/**
 * Asked before each request of an input whether its session has had its turn. `isFull`: it was
 * answered with as much as a turn may bring.
 */
export interface Turn {
  isOver(request: number, isFull: boolean): boolean;
}

/**
 * Everything that can happen to a pool. Time comes with each input; bytes that arrived are stepped
 * as they arrived. A journal of inputs is the pool.
 */
export type Input =
  | { readonly kind: 'session-opened'; readonly session: number; readonly process: ValueMap }
  | {
      /** The body of a MESSAGES frame; its first `skip` messages have been stepped before. */
      readonly kind: 'messages';
      readonly session: number;
      readonly bytes: Uint8Array;
      readonly start: number;
      readonly end: number;
      readonly skip: number;
      /** The journal has no room: what is new is refused, and only its head is in the bytes. */
      readonly noRoom: boolean;
    }
  /**
   * Another manager goes on with the pool. What was asked of the agent and not answered will be
   * answered; `slabsLost` are not there any more.
   */
  | {
      readonly kind: 'restart';
      readonly options: RestartOptions;
      readonly slabsLost: readonly number[];
      /** Versions that lay in them whose bytes are back from the store, in their places. */
      readonly restored?: readonly number[];
    }
  /** The process is dead, or away for too long. */
  | { readonly kind: 'session-gone'; readonly session: number; readonly why: string }
  | { readonly kind: 'slab-ready'; readonly slab: number; readonly size: number }
  /** The file system, say, is full; `why` is for people. */
  | {
      readonly kind: 'slab-failed';
      readonly slab: number;
      readonly size: number;
      readonly why: string;
    }
  | {
      readonly kind: 'adopted';
      readonly slab: number;
      readonly size: number;
      readonly session: number;
      readonly request: number;
      /** Why not, if the file could not be adopted. */
      readonly failure: { readonly code: ErrorCode; readonly message: string } | null;
    }
  /** A transfer of an open object is done. */
  | { readonly kind: 'transferred'; readonly transfer: number }
  /** Bytes are in the store, durably; or why not. */
  | {
      readonly kind: 'stored';
      readonly ask: number;
      readonly failure: { readonly code: ErrorCode; readonly message: string } | null;
    }
  /** What the agent was asked to measure is measured, each by itself. */
  | { readonly kind: 'measured'; readonly results: readonly MeasureResult[] }
  /** End in order: who is in may finish and leave, and is told how long that may take. */
  | { readonly kind: 'drain'; readonly graceMs: number }
  | { readonly kind: 'tick' };
