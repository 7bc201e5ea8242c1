import type { ErrorCode } from '../core/errors.js';
import type { Timestamp, Value } from '../core/value.js';
import type { FindingRule } from './violation.js';

/** What an abstract pool is made of. Plain objects; nothing of the real one is used. */

export type Dtype = 'uint8' | 'int16';

/** What a handle says; null is unset. */
export interface Said {
  dtype: Dtype | null;
  /** One dimension, or null for no shape. */
  length: number | null;
  attributes: Map<string, Value>;
}

/** A range of shared memory; where it is, once a GRANT has said so. */
export interface Range {
  slab: number;
  offset: number;
  size: number;
}

/** `content`: the bytes, or what stands for them. */
export type Payload =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'inline'; readonly size: number; readonly content: Uint8Array }
  | {
      readonly kind: 'slice';
      readonly size: number;
      readonly content: Uint8Array;
      readonly range: Range;
    };

/**
 * The model's book of shared memory. Which range a lease gets is the pool's to choose: a book may
 * foresee it (leases of one page), or follow the pool and check that its choice is legal.
 */
export interface Book {
  /** A slice becomes the pool's; false: it is not leased to the session. */
  offered(session: MSession, range: Range): boolean;
  /** Whether a slice may become somebody's own, to write to: one of an adopted file may not. */
  mayGive(range: Range): boolean;
  /** The slice of a version becomes a lease of a session. */
  given(session: MSession, range: Range): void;
  /** The slice of a version is nobody's any more. */
  freed(range: Range): void;
  /** RETURN; false: it is not leased to the session. */
  returned(session: MSession, range: Range): boolean;
  /** All leases of a session end. */
  ended(session: MSession): void;
  /** The next of those that wait to be served now, and with what; null: none can be. */
  next(queue: readonly MLease[]): { readonly lease: MLease; readonly range: Range } | null;
}

export interface MSession {
  readonly id: number;
  readonly members: Map<number, MMember>;
  readonly handles: Map<number, MHandle>;
  readonly promises: Map<number, MPromise>;
}

export interface MMember {
  readonly name: string;
  readonly number: number;
  readonly session: MSession;
}

export interface MObject {
  readonly name: string;
  readonly handles: Set<MHandle>;
  readonly tags: Map<string, Value>;
  current: MVersion | null;
  versions: number;
}

/** A part of a version: places of its elements, and who offers it. */
export interface MPart {
  readonly places: readonly number[];
  readonly payload: Payload;
  /** The handle that offers it, as long as that does. */
  handle: MHandle | null;
  offered: boolean;
}

export interface MVersion {
  readonly object: MObject;
  readonly number: number;
  readonly by: string;
  readonly dtype: Dtype;
  readonly length: number;
  readonly attributes: ReadonlyMap<string, Value>;
  readonly payload: Payload;
  readonly scope: 'member' | 'pool';
  readonly bound: Set<MHandle>;
  readonly readers: Set<MHandle>;
  /** When it was offered. */
  readonly at: Timestamp;
  /** When its lifetime ends. */
  ends: number;
  offered: boolean;
  /** Null: it is offered whole. Then `payload` is its own, else there is none. */
  readonly parts: MPart[] | null;
  /** A part was withdrawn: whoever requires now gets the next version. */
  isClosing: boolean;
}

export type State =
  | 'declared'
  | 'sealed'
  | 'offered'
  | 'withdrawn'
  | 'required'
  | 'demanded'
  | 'retracted'
  | 'failed';

export interface MDemand {
  readonly request: number;
  readonly deadline: number;
  readonly mode: 'view' | 'own' | 'peek';
  readonly want: boolean;
  readonly dispose: boolean;
}

export interface MHandle {
  readonly number: number;
  readonly member: MMember;
  readonly object: MObject;
  readonly said: Said;
  state: State;
  /** What it offers, is bound to, or reads. */
  version: MVersion | null;
  patient: boolean;
  /** Required by REQUIRE, not by the way of DEMAND. */
  explicit: boolean;
  demand: MDemand | null;
  /** Why its require has failed. */
  failure: ErrorCode | null;
  /** Places of the elements that it requires; null: all. */
  wanted: readonly number[] | null;
}

export interface MPromise {
  readonly by: string;
  readonly pattern: string;
  readonly glob: boolean;
  state: 'open' | 'grace' | 'closed';
  member: MMember | null;
  ends: number;
}

export interface MLease {
  readonly session: MSession;
  readonly request: number;
  object: MObject | null;
  readonly deadline: number;
}

export type Expected =
  | { readonly kind: 'ok' }
  | { readonly kind: 'fail'; readonly code: ErrorCode }
  | { readonly kind: 'welcome'; readonly name: string }
  | { readonly kind: 'bye'; readonly names: string[] }
  | { readonly kind: 'grant'; readonly range: Range }
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'deliver';
      readonly version: MVersion;
      readonly source: 0 | 1 | 2 | 3 | 4;
      readonly attributes: ReadonlyMap<string, Value>;
      /** Of source 4. */
      readonly parts: readonly MPart[];
    }
  /** VALUE, which may be right in more than one way: what is wrong with it is told. */
  | { readonly kind: 'found'; readonly faults: (answer: Value) => readonly Fault[] };

/** What is wrong with an answer, by the rule that it breaks. */
export interface Fault {
  readonly rule: FindingRule;
  readonly words: string;
}

/** Looks on while objects come and go. */
export interface Watcher {
  /** It has seen all that it came for. */
  readonly isOver: boolean;
  /** Something may have changed. */
  look(objects: ReadonlyMap<string, MObject>): void;
}

/** A request that the contract refuses. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.code = code;
  }
}
