import type { Attribute, Dataset, ElementType, Variable } from '../dataset.js';

/** Versions of the format, by the fourth byte: classic, 64-bit offset, 64-bit data (CDF-5). */
export type Netcdf3Version = 1 | 2 | 5;

/**
 * Where a file has its data. The format leaves this to who writes; kept with what the file holds,
 * it lets {@link layOut} make the same file again, byte for byte.
 */
export interface Netcdf3Layout {
  readonly version: Netcdf3Version;
  /** Where each variable begins, as they stand in the dataset. */
  readonly begins: readonly number[];
  /**
   * The header as it is in the file: some have bytes in their padding, or say sizes, as no rule
   * has them. Absent where there is no file yet.
   */
  readonly header?: Uint8Array;
}

export interface Netcdf3Dataset extends Dataset {
  readonly layout: Netcdf3Layout;
}

/** Lists of the header. */
export const TAG = { dimension: 10, variable: 11, attribute: 12 } as const;

/** Codes of types in the header; those from 7 are CDF-5's. */
export const TYPE_CODES: { readonly [code: number]: ElementType } = {
  1: 'int8',
  2: 'char',
  3: 'int16',
  4: 'int32',
  5: 'float32',
  6: 'float64',
  7: 'uint8',
  8: 'uint16',
  9: 'uint32',
  10: 'int64',
  11: 'uint64',
};

export const CLASSIC_CODE_MAX = 6;

export const MAGIC = [0x43, 0x44, 0x46] as const;

/** What a file that is still written has for its number of records. */
export const STREAMING = 0xffff_ffff;

/** The size of a variable that 32 bits cannot say: readers compute it. */
export const SIZE_UNSAID = 0xffff_ffff;

export const padded = (size: number): number => Math.ceil(size / 4) * 4;

export function attributeOf(variable: Variable, name: string): Attribute | undefined {
  return variable.attributes.find((each) => each.name === name);
}
