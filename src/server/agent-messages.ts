import type { ErrorCode } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import type { MeasureResult } from '../pool/input.js';
import type { MeasureAsked, Stored, StoreEffect, TransferEffect } from '../pool/state.js';
import type { StoredVersion } from '../pool/stored-versions.js';

/** What the agent's thread is started with. */
export interface AgentStart {
  /** The directory of the slab files, or null: slabs are then anonymous memory of the agent. */
  readonly slabs: string | null;
  readonly dataSocket: string;
  /** Where data connections come by TCP, if the pool listens there. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  readonly door: { readonly token: string; readonly poolId: string; readonly poolName: string };
  readonly secretKey: Uint8Array;
  /** Slabs that a manager before this one has left, to be opened again. */
  readonly slabsKept: readonly KeptSlab[];
  /** Those that are being made of files: what is there of them is not removed. */
  readonly slabsAdopting: readonly number[];
  readonly connectionsMax: number;
  /** ACCEPT's `pool` on data connections. */
  readonly pool: ValueMap;
  /** Null: bytes are not stored. */
  readonly store: StoreStart | null;
  /** The memory of the gates that each WRITE passes. */
  readonly writeGates: SharedArrayBuffer;
}

export interface StoreStart {
  /** Claimed by the pool's thread. */
  readonly directory: string;
  readonly pool: string;
  /** Slabs that the pool had, also those that are known to be gone. */
  readonly slabs: readonly KeptSlab[];
  /** What of them is in the store. */
  readonly versions: readonly StoredVersion[];
  /** What is there of offers that have not taken effect yet. */
  readonly ofHeld: readonly Stored[];
}

/** Attributes are encoded: what passes between threads would lose the classes of values. */
export type StoreOrder = Omit<StoreEffect, 'attributes'> & { readonly attributes: Uint8Array };

export interface KeptSlab {
  readonly slab: number;
  readonly size: number;
  readonly adopted: boolean;
}

export interface Range {
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

export interface Why {
  readonly code: ErrorCode;
  readonly message: string;
}

export type ToAgent =
  | { readonly kind: 'slab-wanted'; readonly slab: number; readonly size: number }
  | { readonly kind: 'slab-gone'; readonly slab: number }
  | {
      readonly kind: 'adopt';
      readonly slab: number;
      readonly file: string;
      readonly size: number;
      readonly session: number;
      readonly request: number;
    }
  | TransferEffect
  | StoreOrder
  | ({ readonly kind: 'unstore' } & Stored)
  | { readonly kind: 'measure'; readonly asked: readonly MeasureAsked[] }
  /** Fill with 0xDB, then set and wake `done`: the asker stands still until then. */
  | { readonly kind: 'poison'; readonly ranges: readonly Range[]; readonly done: SharedArrayBuffer }
  /** The answer to an ask; `granted` may be wider than what was asked for. */
  | {
      readonly kind: 'answer';
      readonly ask: number;
      readonly failure: Why | null;
      readonly granted: {
        readonly start: number;
        readonly end: number;
        readonly generation: number;
      };
    }
  /** End what the session has under way, and say `session-quiet`. */
  | { readonly kind: 'session-ended'; readonly session: number }
  | { readonly kind: 'stop' };

export type FromAgent =
  /**
   * It listens; `slabsLost` of those to be kept are not there as they were; `restored` are versions
   * in them that the store has brought back.
   */
  | {
      readonly kind: 'ready';
      readonly port: number;
      readonly slabsLost: readonly number[];
      readonly restored: readonly number[];
    }
  | { readonly kind: 'slab-ready'; readonly slab: number; readonly size: number }
  | {
      readonly kind: 'slab-failed';
      readonly slab: number;
      readonly size: number;
      readonly why: Why;
    }
  /** Its file could not be removed. */
  | { readonly kind: 'slab-stays'; readonly slab: number; readonly why: Why }
  | {
      readonly kind: 'adopted';
      readonly slab: number;
      readonly size: number;
      readonly session: number;
      readonly request: number;
      readonly failure: Why | null;
    }
  | { readonly kind: 'transferred'; readonly transfer: number }
  | { readonly kind: 'stored'; readonly ask: number; readonly failure: Why | null }
  | { readonly kind: 'measured'; readonly results: readonly MeasureResult[] }
  /** May a data connection carry this session? */
  | { readonly kind: 'ask-open'; readonly ask: number; readonly session: number }
  | {
      readonly kind: 'ask-write' | 'ask-read';
      readonly ask: number;
      readonly session: number;
      readonly slot: number;
      readonly range: Range;
    }
  | { readonly kind: 'closed'; readonly slot: number; readonly session: number }
  | { readonly kind: 'session-quiet'; readonly session: number };
