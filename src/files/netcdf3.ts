import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { fileError } from '../core/file-error.js';
import { turned } from '../formats/byte-order.js';
import { type ByteSource, FileSource } from '../formats/bytes.js';
import type { Attribute, Dataset } from '../formats/dataset.js';
import { extentsOf } from '../formats/netcdf3/extents.js';
import { Netcdf3File } from '../formats/netcdf3/reader.js';
import { BLOCK_BYTES } from '../formats/netcdf3/records.js';
import type { Netcdf3Layout } from '../formats/netcdf3/types.js';
import { Netcdf3Writer } from '../formats/netcdf3/writer.js';
import { Turns } from '../formats/turns.js';
import { fitted, innerDimensions, isText, type Rules, textOf } from './fitting.js';
import type { DatasetFormat, Json, JsonMap, SourceFile, TargetFile } from './format.js';
import { isJsonMap } from './json.js';

/** Rows that are read, or written, before others have a turn. */
function rowsAtOnce(step: number): number {
  return Math.max(1, Math.floor(BLOCK_BYTES / Math.max(1, step)));
}

const TYPES = ['int8', 'char', 'int16', 'int32', 'float32', 'float64', 'uint8', 'uint16'] as const;
const WIDE_TYPES = ['uint32', 'int64', 'uint64'] as const;
const KNOWN: readonly string[] = [...TYPES, ...WIDE_TYPES];

/** Of a file that was read; undefined of one that is made. */
function layoutOf(json: Json): Netcdf3Layout | undefined {
  if (json === null || (isJsonMap(json) && json['unnamed'] !== undefined)) return undefined;
  const layout = isJsonMap(json) ? keptLayout(json) : undefined;
  if (layout !== undefined) return layout;
  const why = 'what it keeps of the layout is none of NetCDF-3';
  throw new AttaccaError('bad-file-header', `Cannot export: ${why}`);
}

function keptLayout(json: JsonMap): Netcdf3Layout | undefined {
  const { version, begins, header } = json;
  const isVersion = version === 1 || version === 2 || version === 5;
  if (!isVersion || !Array.isArray(begins) || typeof header !== 'string') return undefined;
  if (!begins.every((each): each is number => Number.isSafeInteger(each))) return undefined;
  return { version, begins, header: new Uint8Array(Buffer.from(header, 'base64')) };
}

/** Anybody may have offered what tells of a file: the header must be one of this dataset. */
function checkedLayout(dataset: Dataset, json: Json): Netcdf3Layout | undefined {
  const layout = layoutOf(json);
  if (layout === undefined) return undefined;
  const { begins, header = new Uint8Array(0) } = layout;
  const { variables, recordSize, records } = extentsOf(dataset);
  let size = header.length;
  for (const [at, { isRecord, paddedSize }] of variables.entries()) {
    size = Math.max(size, (begins[at] ?? 0) + (isRecord ? records * recordSize : paddedSize));
  }
  // The file as far as its header tells of it.
  const source = {
    ...{ name: 'header', size },
    read(at: number, into: Uint8Array): void {
      into.set(header.subarray(at, at + into.length));
    },
  };
  const told = { dataset: fit(dataset), begins: [...begins] };
  if (isDeepStrictEqual(toldBy(source), told)) return layout;
  const why = 'the header of the file that it keeps is of another one';
  throw new AttaccaError('bad-file-header', `Cannot export: ${why}`);
}

function toldBy(source: ByteSource): unknown {
  try {
    const { dataset } = new Netcdf3File(source);
    return { dataset: fit(dataset), begins: [...dataset.layout.begins] };
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'not-a-netcdf-file') return null;
    throw error;
  }
}

async function open(path: string): Promise<SourceFile> {
  const source = new FileSource(path);
  let file: Netcdf3File;
  try {
    file = new Netcdf3File(source);
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
  const { version, begins, header } = file.dataset.layout;
  return {
    dataset: file.dataset,
    layout: { version, begins, header: Buffer.from(header ?? []).toString('base64') },
    ...{ order: 'row', skipped: [] },
    async readInto(place, into, done) {
      if (into.length === 0) return;
      const row = file.rowBytes(place);
      const some = rowsAtOnce(file.rowStep(place)) * row;
      const turns = new Turns();
      for (let at = 0; at < into.length; at += some) {
        const piece = into.subarray(at, at + some);
        file.readRows(place, at / row, piece);
        done(piece.length);
        if (turns.isOver) await turns.next();
      }
    },
    async [Symbol.asyncDispose]() {
      source[Symbol.dispose]();
    },
  };
}

async function create(path: string, dataset: Dataset, layout: Json): Promise<TargetFile> {
  const layoutKept = checkedLayout(dataset, layout);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx+');
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  let isOpen = true;
  const end = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  const sink = {
    read(at: number, into: Uint8Array): void {
      try {
        let done = 0;
        for (let count = 1; count > 0 && done < into.length; done += count) {
          count = readSync(descriptor, into, done, into.length - done, at + done);
        }
        into.fill(0, done);
      } catch (cause) {
        throw fileError('read', path, cause);
      }
    },
    write(at: number, bytes: Uint8Array): void {
      try {
        let done = 0;
        while (done < bytes.length) {
          done += writeSync(descriptor, bytes, done, bytes.length - done, at + done);
        }
      } catch (cause) {
        throw fileError('write', path, cause);
      }
    },
  };
  try {
    const writer = new Netcdf3Writer(sink, dataset, layoutKept);
    return {
      rowsTogether: () => 1,
      async writeRows(place, from, rows) {
        const row = writer.rowBytes(place);
        const some = rowsAtOnce(writer.rowStep(place)) * row;
        const turns = new Turns();
        for (let at = 0; at < rows.length && isOpen; at += some) {
          writer.writeRows(place, from + at / row, rows.subarray(at, at + some));
          if (turns.isOver) await turns.next();
        }
      },
      async close() {
        end();
      },
      async [Symbol.asyncDispose]() {
        end();
      },
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** Attributes are big-endian numbers in a list, or text; what is neither cannot be there. */
function attributeOf(attribute: Attribute): Attribute | null {
  const { name, type, byteOrder, bytes } = attribute;
  // By which library a file of NetCDF-4 was made.
  if (name === '_NCProperties') return null;
  if (isText(type)) return { name, type: 'char', byteOrder: 'big', bytes: textOf(attribute) };
  if (type === 'bool') return { name, type: 'int8', byteOrder: 'big', bytes };
  if (!KNOWN.includes(type)) return null;
  return { name, type, byteOrder: 'big', bytes: turned(bytes, type, byteOrder, 'big') };
}

const RULES: Rules = {
  title: 'NetCDF-3',
  byteOrder: 'big',
  hasGroups: false,
  isUnlimited: (first, others) => first && others === 0,
  attributeOf,
  typeOf(type) {
    if (type === 'bool') return 'int8';
    if (type === 'string[1]') return 'char';
    return KNOWN.includes(type) ? type : null;
  },
};

/** What a dataset is in a file of this format. Once more it changes nothing. */
function fit(dataset: Dataset): Dataset {
  return withSizes(fitted(dataset, RULES));
}

/** A size of 0 means there that the dimension grows, which one can that is the first. */
function withSizes(dataset: Dataset): Dataset {
  const inner = innerDimensions(dataset);
  let hasUnlimited = dataset.dimensions.some(({ unlimited }) => unlimited);
  const dimensions = dataset.dimensions.map((dimension, at) => {
    if (dimension.size > 0 || dimension.unlimited) return dimension;
    if (hasUnlimited || inner.has(at)) {
      const why = `its dimension "${dimension.name}" has size 0, as NetCDF-3 has one at most`;
      refuse('bad-space', `Cannot write the file: ${why}`, { dimension: dimension.name });
    }
    hasUnlimited = true;
    return { ...dimension, unlimited: true };
  });
  return { ...dataset, dimensions };
}

/** NetCDF-3: classic, 64-bit offset and 64-bit data. */
export const NETCDF3: DatasetFormat = {
  kind: 'dataset',
  name: 'netcdf3',
  title: 'NetCDF-3',
  extensions: ['.nc', '.nc3', '.cdf'],
  isFolder: false,
  matches: (start) => start[0] === 0x43 && start[1] === 0x44 && start[2] === 0x46,
  open,
  fit,
  create,
};
