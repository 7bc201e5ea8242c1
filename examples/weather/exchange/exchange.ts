/**
 * What the programs of this example use of a pool. These are calls of Attacca's client: over a pool
 * they are `join` and nothing else (pool.ts). So that the same programs can be timed over files,
 * files.ts gives files the same calls.
 */
import type { ReadonlyField } from '../grid.js';

export type FieldAttributes = Readonly<Record<string, string | number>>;

/** Fields are 32-bit floats, or messages of bytes. */
export interface FieldArrays {
  float32: Float32Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
}
export type FieldDtype = keyof FieldArrays;

export interface FieldOptions<D extends FieldDtype = FieldDtype> {
  readonly attributes?: FieldAttributes;
  readonly space?: { readonly dtype: D; readonly shape: readonly number[] };
}

export interface FieldPool {
  object<D extends FieldDtype = 'float32'>(name: string, options?: FieldOptions<D>): FieldObject<D>;
  /** Says what this program will offer: when all such promises are closed, nobody waits in vain. */
  promise(glob: string): Promise<FieldPromise>;
  leave(): Promise<unknown>;
}

export interface FieldPromise {
  close(): Promise<unknown>;
}

/** A handle on a named object: a producer fills its array and offers, a consumer demands. */
export interface FieldObject<D extends FieldDtype = 'float32'> {
  readonly name: string;
  /** Makes sure of memory for the array; over a pool it is shared, and waits while that is full. */
  allocate(): Promise<unknown>;
  /** To be written before handing over, not to be touched after it. */
  readonly array: FieldArrays[D];
  /** The same memory as bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  set(options: { readonly attributes: FieldAttributes }): void;
  /** Offers, and withdraws: who has required it by now is served. */
  handOver(): Promise<unknown>;
  /** Where offers do not leave this process within a turn: returns when this one has. */
  sent?(): Promise<unknown>;
  /** Announces need, before or after it is offered. */
  require(): Promise<unknown>;
  demand(): Promise<ReceivedField>;
}

/** What was demanded, for as long as it is not disposed. */
export interface ReceivedField {
  readonly name: string;
  readonly attributes: { readonly [key: string]: unknown };
  readonly array: ReadonlyField;
  /** The payload as bytes; do not write to it. */
  unsafeBytes(): Uint8Array<ArrayBuffer>;
  dispose(): Promise<void>;
}
