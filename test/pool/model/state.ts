import type { ErrorCode } from '../../../src/core/errors.js';

/** What an abstract pool is made of. Plain objects; nothing of the real one is used. */

export type Dtype = 'uint8' | 'int16';

/** What a handle says; null is unset. */
export interface Said {
  dtype: Dtype | null;
  /** One dimension, or null for no shape. */
  length: number | null;
  attributes: Map<string, number>;
}

/** A page of shared memory, all leases being one page; where it is, once a GRANT has said so. */
export interface Page {
  slab: number;
  offset: number;
}

export type Payload =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'slice'; readonly bytes: Uint8Array; readonly page: Page };

export interface MSession {
  readonly id: number;
  readonly members: Map<number, MMember>;
  readonly handles: Map<number, MHandle>;
  readonly promises: Map<number, MPromise>;
  readonly pages: Set<Page>;
}

export interface MMember {
  readonly name: string;
  readonly number: number;
  readonly session: MSession;
}

export interface MObject {
  readonly name: string;
  readonly handles: Set<MHandle>;
  readonly tags: Map<string, number>;
  current: MVersion | null;
  versions: number;
}

export interface MVersion {
  readonly object: MObject;
  readonly number: number;
  readonly by: string;
  readonly dtype: Dtype;
  readonly length: number;
  readonly attributes: ReadonlyMap<string, number>;
  readonly payload: Payload;
  readonly scope: 'member' | 'pool';
  readonly bound: Set<MHandle>;
  readonly readers: Set<MHandle>;
  /** When its lifetime ends. */
  ends: number;
  offered: boolean;
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
  | { readonly kind: 'grant'; readonly page: Page }
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'deliver';
      readonly version: MVersion;
      readonly source: 0 | 1 | 2 | 3;
      readonly attributes: ReadonlyMap<string, number>;
    };

/** A request that the contract refuses. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.code = code;
  }
}
