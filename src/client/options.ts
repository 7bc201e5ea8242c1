import { ENDLESS } from '../core/limits.js';
import type { SpaceExpectation } from '../core/space.js';
import type { Value } from '../core/value.js';
import type { TransformSpec } from '../transforms/spec.js';

/** Attributes and tags: typed values by key. Null is not allowed. */
export type Attributes = { readonly [key: string]: Value };

/** How long a call may wait. Every call that waits takes these. */
export interface WaitOptions {
  /**
   * Milliseconds until the call fails with `deadline-passed`, an error that says for whom it
   * waited. Left out: the pool's default (ten minutes). `Infinity`: never.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with `aborted`; the connection and everything else go on. */
  readonly signal?: AbortSignal | undefined;
}

/** What a handle says of its object: of a producer the truth, of a consumer what it expects. */
export interface ObjectOptions {
  readonly attributes?: Attributes | undefined;
  /**
   * What is left out matches everything; at offer it gets its default (uint8, row major, little).
   */
  readonly space?: SpaceExpectation | undefined;
}

/** How an offer lives. */
export interface OfferOptions {
  /** The offer stays when its member leaves, until somebody withdraws it (scope pool). */
  readonly keep?: boolean | undefined;
  /** With `keep`: the pool withdraws it by itself after so long. */
  readonly lifetimeMs?: number | undefined;
  /**
   * What record and bytes must survive before the call returns; the pool refuses what it cannot.
   */
  readonly durability?: 'process' | 'memory' | 'fsync' | undefined;
}

/** What becomes of a version that is there already. */
export interface ReplaceOptions {
  /**
   * What the pool keeps of that name, by whomever, is withdrawn when this is let in, in one step:
   * refused, it leaves that one as it was. Until then both take room. A number: if it is that
   * version, else `already-offered`, or `wrong-state` when none is offered.
   */
  readonly replace?: boolean | number | undefined;
}

/** What of an object the pool keeps. */
export interface EncodingOptions {
  /**
   * A chain that is run on the elements before they are offered, such as rounding, shuffling and
   * compressing. Demands run its inverse. The pool's space of the object is that of the bytes.
   */
  readonly encoding?: readonly TransformSpec[] | undefined;
}

/** How an object is offered as a whole. */
export interface WholeOfferOptions
  extends OfferOptions,
    ReplaceOptions,
    EncodingOptions,
    WaitOptions {}

/** What a require does when nobody will offer, and what a demand waits for. */
export interface RequireOptions {
  /**
   * Waits until the object is *ready*: offered, all of it, and so is all that it depends on
   * (`.depends-on`), at any depth. A require says so for the demand that follows.
   */
  readonly ready?: boolean | undefined;
  /** Fail at once, or wait for a restarted producer. */
  readonly whenNobody?: 'fail' | 'wait' | undefined;
}

/** A deadline on the wire: 0 is the pool's default, 2^32-1 never. */
export function deadlineOf(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return 0;
  if (timeoutMs === Number.POSITIVE_INFINITY) return ENDLESS;
  if (!(timeoutMs >= 0)) throw new RangeError(`Cannot wait ${timeoutMs} ms`);
  return Math.min(Math.max(Math.ceil(timeoutMs), 1), ENDLESS - 1);
}

/** A lifetime on the wire: milliseconds, 0 for none. */
export function lifetimeOf(lifetimeMs: number | undefined): number {
  if (lifetimeMs === undefined || lifetimeMs === Number.POSITIVE_INFINITY) return 0;
  if (!(lifetimeMs > 0 && lifetimeMs < ENDLESS)) {
    throw new RangeError(`Cannot keep an offer for ${lifetimeMs} ms: 1 to 2^32 - 2`);
  }
  return Math.ceil(lifetimeMs);
}
