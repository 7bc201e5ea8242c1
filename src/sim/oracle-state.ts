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
  /** Its first dimension is said to be open. */
  grows?: boolean;
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
  /** Whether all of a range is leased to a session. */
  has?(session: MSession, range: Range): boolean;
  /** Whether a range lies in an adopted file. */
  isAdopted(range: Range): boolean;
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
  /** Withdrawn, and owed to nobody: its bytes are free. */
  freed: boolean;
}

export interface MVersion {
  readonly object: MObject;
  readonly number: number;
  readonly by: string;
  /** Who has offered it, and may be gone. */
  readonly member: MMember;
  readonly dtype: Dtype;
  /** Infinite while it grows. */
  length: number;
  readonly attributes: ReadonlyMap<string, Value>;
  payload: Payload;
  readonly scope: 'member' | 'pool';
  readonly bound: Set<MHandle>;
  readonly readers: Set<MHandle>;
  /** When it was offered. */
  at: Timestamp;
  /** When its lifetime ends. */
  ends: number;
  offered: boolean;
  /** Of a group: the versions that it has. */
  group: readonly MVersion[] | null;
  /** How many groups have it. */
  groups: number;
  /** It was whole, and so was all that it depends on. */
  isReady: boolean;
  /** How many standing requires keep it. */
  pins: number;
  /** Its bytes were in the store when it was acknowledged. */
  readonly isStored: boolean;
  /** What the bytes of slabs survive, and all other, where they are not stored. */
  readonly survives: { readonly slab: string; readonly other: string };
  /** It was deleted while it was kept. */
  isDeleted: boolean;
  /** Null: it is offered whole. Then `payload` is its own, else there is none. */
  readonly parts: MPart[] | null;
  /** A part was withdrawn: whoever requires now gets the next version. */
  isClosing: boolean;
  /** Null: it is offered, and does not change. */
  open: MOpen | null;
  /** Its transfers, in the order in which the agent does them; those that are held as they came. */
  moving: MMoving[];
  /** Whether a handle expects something else. */
  mismatches(handle: MHandle): boolean;
  /** It does not change any more: what its cells hold. */
  seal(cells: readonly number[]): void;
}

/** What members write to. */
export interface MOpen {
  readonly consistency: 'posix' | 'commit' | 'session' | 'eventual';
  /** All that was written to each cell and is visible, in its order. */
  readonly cells: MWritten[][];
  /** Marks of what waited for a commit, committed by now or not. */
  readonly held: Set<number>;
  /** In the order in which they were asked for. */
  locks: MLock[];
  sealing: { readonly session: MSession; readonly request: number } | null;
}

export interface MLock {
  readonly handle: MHandle;
  readonly number: number;
  readonly isWrite: boolean;
  readonly cells: readonly number[];
  readonly request: number;
  /** When its wait ends without. */
  readonly deadline: number;
  isHeld: boolean;
}

/** Who waits for so many transfers. */
export interface MAwaiting {
  readonly session: MSession;
  request: number;
  left: number;
}

/** What a cell became. */
export interface MWritten {
  readonly mark: number;
  /** Null: it was created so. */
  readonly by: MMember | null;
  /** Another agent than the one that is asked may not have it before that. */
  isDone: boolean;
}

/** What may come of a cell that is read. */
export interface MSight {
  /** What its member had written to it and not committed, which lies over all before. */
  readonly own: number | null;
  readonly written: readonly MWritten[];
  /** The oldest of what was written that may come, and behind the newest. */
  readonly from: number;
  end: number;
  /** Marks that nobody else may see before they are committed. */
  readonly held: ReadonlySet<number>;
}

/** Cells that are written or read. */
export interface MMoving {
  readonly id: number;
  readonly isWrite: boolean;
  readonly member: MMember;
  readonly session: MSession;
  /** 0: nobody waits for it. */
  request: number;
  readonly cells: readonly number[];
  /** Of a write: what it fills its cells with. */
  readonly mark: number;
  /** Memory with what is written, or for what is read; null: it came in the message. */
  readonly range: Range | null;
  /** Its member has not committed it. */
  isHeld: boolean;
  /** Its member has gone without: kept for its reads before this one. 0: it was not. */
  droppedAt: number;
  awaiting: MAwaiting | null;
  /** Of a read: what may come of each cell. */
  sights: MSight[];
  /** Of a write that is visible: what its cells became. */
  issued: MWritten | null;
}

export type State =
  | 'declared'
  | 'sealed'
  | 'offered'
  | 'withdrawn'
  | 'required'
  | 'demanded'
  | 'retracted'
  | 'failed'
  | 'opening'
  | 'opened';

export interface MDemand {
  readonly request: number;
  readonly deadline: number;
  readonly mode: 'view' | 'own' | 'peek';
  readonly want: boolean;
  readonly dispose: boolean;
  /** Whether it waits until all is ready on which its object depends. */
  readonly ready?: boolean;
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
  /** The OPEN that waits on it. */
  opening: { readonly request: number; readonly deadline: number } | null;
  /** Places of the elements that it requires; null: all. */
  wanted: readonly number[] | null;
  /** It was made of a delivery of a standing require. */
  readonly isTaken: boolean;
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
  | {
      readonly kind: 'value';
      readonly value: unknown;
      /** The version whose statistics the value may tell. */
      readonly measured?: MVersion | null;
    }
  | { readonly kind: 'opened'; readonly version: MVersion }
  | {
      readonly kind: 'deliver';
      readonly version: MVersion;
      readonly source: 0 | 1 | 2 | 3 | 4;
      readonly attributes: ReadonlyMap<string, Value>;
      /** Of source 4. */
      /** Elements that there were. */
      readonly length: number;
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
