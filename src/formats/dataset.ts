import type { ByteOrder, Dtype } from '../core/space.js';

/** A dimension that variables share by its name. */
export interface Dimension {
  readonly name: string;
  readonly size: number;
  /** Whether the file lets it grow. */
  readonly unlimited: boolean;
}

/** `char` is a byte of text: formats tell it from a number, objects do not. */
export type ElementType = Dtype | 'char';

/** `text`: texts of any length, each with a zero byte behind it, in no known encoding. */
export type AttributeType = ElementType | 'text';

/**
 * An attribute as its file has it: type and bytes. Numbers are not taken apart here, so that
 * whatever a file holds (a NaN with a payload, text in no known encoding) is written as it was.
 */
export interface Attribute {
  readonly name: string;
  readonly type: AttributeType;
  readonly byteOrder: ByteOrder;
  readonly bytes: Uint8Array;
  /** Left out: a list, as long as its bytes are. None: one value. Null: no value, but a type. */
  readonly shape?: readonly number[] | null;
}

/** A variable: an array with a name, attributes and named dimensions, the slowest first. */
export interface Variable {
  /** In a file with groups its path, without a slash in front: `ocean/salinity`. */
  readonly name: string;
  readonly type: ElementType;
  readonly byteOrder: ByteOrder;
  /** Places in the dimensions of the dataset. */
  readonly dimensions: readonly number[];
  readonly attributes: readonly Attribute[];
}

/** A group within a file, by its path. The file itself is none. */
export interface Group {
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

/** What a file holds, without the elements. */
export interface Dataset {
  readonly dimensions: readonly Dimension[];
  readonly attributes: readonly Attribute[];
  readonly variables: readonly Variable[];
  /** Left out where the format knows none. Parents stand before what is in them. */
  readonly groups?: readonly Group[];
}

/** The sizes of the variable at this place, along its dimensions. */
export function shapeOf({ dimensions, variables }: Dataset, place: number): readonly number[] {
  return (variables[place]?.dimensions ?? []).map((at) => dimensions[at]?.size ?? 0);
}
