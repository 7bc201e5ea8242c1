import type { ByteOrder, Dtype, Order, Space } from '../core/space.js';

/** Compression by a library; what each writes is what `numcodecs` of Python writes. */
export type Codec = 'gzip' | 'zstd' | 'lz4' | 'blosc';

/** How a packed number becomes a value, in the words of the CF conventions. */
interface Packing {
  /** `scale_factor`; left out: 1. */
  readonly scale?: number | undefined;
  /** `add_offset`; left out: 0. */
  readonly offset?: number | undefined;
}

/** How far a number may be rounded: one of them. */
export interface Rounding {
  /** Bits of the fraction that are kept. */
  readonly bits?: number | undefined;
  /** No value is changed by more than this. */
  readonly absolute?: number | undefined;
  /** No value is changed by more than this part of itself. */
  readonly relative?: number | undefined;
}

/** A field of a struct: where it begins in an item, and its bytes. */
export interface FieldLayout {
  readonly offset: number;
  readonly size: number;
}

/**
 * A transform, as data: it can be sent to a thread, kept with an object, and undone. A chain is a
 * list of them, the first one first. docs/transforms.md says what each does.
 */
export type TransformSpec =
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'transpose'; readonly axes?: readonly number[] | undefined }
  | { readonly kind: 'dtype'; readonly dtype: Dtype; readonly lossy?: boolean | undefined }
  | { readonly kind: 'byte-order'; readonly byteOrder: ByteOrder }
  | (Packing & {
      readonly kind: 'scale';
      /** `_FillValue` and `missing_value`: these packed numbers become NaN. */
      readonly fill?: number | readonly number[] | undefined;
      /** `valid_min` and `valid_max`, packed: what lies outside becomes NaN. */
      readonly range?: readonly [number, number] | undefined;
      readonly dtype?: 'float32' | 'float64' | undefined;
    })
  | (Packing & {
      readonly kind: 'pack';
      readonly dtype: Dtype;
      /** What NaN becomes. */
      readonly fill?: number | undefined;
      /** Values that do not fit become the nearest that does; else they are an error. */
      readonly lossy?: boolean | undefined;
    })
  | {
      readonly kind: 'units';
      readonly from: string;
      readonly to: string;
      /** kg m-3: lets a mass on an area be a depth, as of rain. */
      readonly density?: number | undefined;
    }
  | { readonly kind: 'decimate'; readonly every: readonly number[] }
  | {
      readonly kind: 'average';
      readonly block: readonly number[];
      /** `skip`: the mean of those that are numbers; `keep`: NaN where one is NaN. */
      readonly nan?: 'skip' | 'keep' | undefined;
    }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'soa' | 'aos'; readonly fields: readonly FieldLayout[] }
  | { readonly kind: 'shuffle' | 'unshuffle'; readonly itemSize: number }
  | (Rounding & { readonly kind: 'bitround' })
  | { readonly kind: 'compress'; readonly codec: Codec; readonly level?: number | undefined }
  | { readonly kind: 'decompress'; readonly codec: Codec; readonly space: Space }
  | {
      readonly kind: 'expression';
      /** Of `x`, the element. */
      readonly text: string;
      readonly dtype?: Dtype | undefined;
    }
  | {
      readonly kind: 'wasm';
      readonly module: Uint8Array;
      /** The function that is called; left out: `transform`. */
      readonly function?: string | undefined;
      /** Milliseconds; left out: {@link LIMITS.wasmMsDefault}. */
      readonly timeoutMs?: number | undefined;
      /** Of what it gives, where that is not what it takes. */
      readonly space?: Space | undefined;
    };

type TransformKind = TransformSpec['kind'];
export type SpecOf<K extends TransformKind> = Extract<TransformSpec, { kind: K }>;
