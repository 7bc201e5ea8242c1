import type { Order } from '../core/space.js';
import type { Dataset } from '../formats/dataset.js';
import type { Json, JsonMap } from '../levels/zarr/json.js';

export type { Json, JsonMap };

/** Something in a file that becomes no object, with why. */
export interface Skipped {
  readonly name: string;
  readonly why: string;
}

/** A file that is open for reading: what it holds, and the elements of its variables. */
export interface SourceFile extends AsyncDisposable {
  readonly dataset: Dataset;
  /** Which dimension is the slowest: of `row` the first. */
  readonly order: Order;
  /** What its own format needs to make the same file again. */
  readonly layout: Json;
  readonly skipped: readonly Skipped[];
  /**
   * Fills `into` with all elements of the variable at this place, in its byte order and the order
   * of the file, piece by piece: `done` hears how many bytes each has. What it throws ends it.
   */
  readInto(place: number, into: Uint8Array, done: (bytes: number) => void): Promise<void>;
}

/**
 * A file that is being written, under another name than it will have. A row is all that has one
 * index of the slowest dimension; of a scalar all. Once it is disposed nothing is written any more,
 * not even what is being written then.
 */
export interface TargetFile extends AsyncDisposable {
  /** Of the elements in `writeRows`: of `column` the last dimension is the slowest. Else row. */
  readonly order?: Order;
  /** Rows that are best written together: those of a chunk. */
  rowsTogether(place: number): number;
  writeRows(place: number, from: number, rows: Uint8Array): Promise<void>;
  /** Ends the file: what fails here was not written. */
  close(): Promise<void>;
}

/** A format of files that hold variables with dimensions and attributes. */
export interface DatasetFormat {
  readonly kind: 'dataset';
  readonly name: string;
  /** As people call it. */
  readonly title: string;
  /** The first is that of files that are made. */
  readonly extensions: readonly string[];
  /** Whether a file is a folder. */
  readonly isFolder: boolean;
  /** Whether a file is one array and no more: its object has the name of the file. */
  readonly isOneArray?: boolean;
  /** Whether the same content is written as other bytes than were read: those are kept, too. */
  readonly isMadeAnew?: boolean;
  /** Whether a file begins so; of a folder whether it is one of these. */
  matches(start: Uint8Array, path: string): boolean;
  open(path: string): Promise<SourceFile>;
  /** The dataset as a file of this format can have it: types, byte orders, attributes. */
  fit(dataset: Dataset): Dataset;
  /**
   * Makes a file, which must not be there. `layout`: of a file that was read, as it was told; else
   * `unnamed`, the dimensions that were given no name, and the `order` in which elements lie.
   */
  create(path: string, dataset: Dataset, layout: Json): Promise<TargetFile>;
}

/** GRIB: a row of messages, each of which stands for itself. */
export interface MessageFormat {
  readonly kind: 'messages';
  readonly name: string;
  readonly title: string;
  readonly extensions: readonly string[];
  readonly isFolder: false;
  matches(start: Uint8Array, path: string): boolean;
}

export type Format = DatasetFormat | MessageFormat;
