import { type FileHandle, open as openFile } from 'node:fs/promises';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { fileError } from '../core/file-error.js';
import { itemSizeOf, type Space, spaceBytes } from '../core/space.js';
import { FileSource } from '../formats/bytes.js';
import { product } from '../formats/chunking.js';
import type { Dataset } from '../formats/dataset.js';
import { npyDataOffset, npyHeader, parseNpyHeader } from '../formats/npy/header.js';
import { Turns } from '../formats/turns.js';
import { fitted, type Rules } from './fitting.js';
import type { DatasetFormat, Json, SourceFile, TargetFile } from './format.js';
import { isJsonMap } from './json.js';

const START_BYTES = 4_096;
/** What is read at once. */
const PIECE_BYTES = 8 * 1024 * 1024;

/** Its one variable: a .npy file has no names. */
const NPY_VARIABLE = 'array';

function headerOf(source: FileSource) {
  const start = (size: number): Uint8Array => {
    const bytes = new Uint8Array(Math.min(size, source.size));
    source.read(0, bytes);
    return bytes;
  };
  const offset = npyDataOffset(start(START_BYTES), source.name);
  const header = parseNpyHeader(start(offset), source.name);
  const expected = header.dataOffset + spaceBytes(header.space);
  if (source.size === expected) return header;
  const why = `it has ${source.size} bytes, its array needs ${expected}`;
  const fields = { file: source.name, bytes: source.size, expected };
  throw new AttaccaError('not-a-npy-file', `Cannot read "${source.name}": ${why}`, fields);
}

/** Of a row of the slowest dimension: the first one, or in column order the last. */
function rowBytesOf({ shape, order, dtype }: Space): number {
  return product(order === 'row' ? shape.slice(1) : shape.slice(0, -1)) * itemSizeOf(dtype);
}

async function open(path: string): Promise<SourceFile> {
  const source = new FileSource(path);
  try {
    const { space, dataOffset } = headerOf(source);
    const dataset: Dataset = {
      dimensions: space.shape.map((size, at) => ({ name: `dim_${at}`, size, unlimited: false })),
      attributes: [],
      variables: [
        {
          ...{ name: NPY_VARIABLE, type: space.dtype, byteOrder: space.byteOrder },
          ...{ dimensions: space.shape.map((_, at) => at), attributes: [] },
        },
      ],
    };
    return {
      ...{ dataset, order: space.order, skipped: [], layout: { order: space.order } },
      async readInto(_place, into, done) {
        const turns = new Turns();
        for (let at = 0; at < into.length; at += PIECE_BYTES) {
          const piece = into.subarray(at, at + PIECE_BYTES);
          source.read(dataOffset + at, piece);
          done(piece.length);
          if (turns.isOver) await turns.next();
        }
      },
      async [Symbol.asyncDispose]() {
        source[Symbol.dispose]();
      },
    };
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
}

async function create(path: string, dataset: Dataset, layout: Json): Promise<TargetFile> {
  const [variable, ...more] = dataset.variables;
  if (variable === undefined || more.length > 0) {
    const count = dataset.variables.length;
    refuse('bad-argument', `Cannot write ${count} arrays into a .npy file: it has one`);
  }
  const shape = variable.dimensions.map((at) => dataset.dimensions[at]?.size ?? 0);
  const dtype = variable.type === 'char' ? 'string[1]' : variable.type;
  const order = isJsonMap(layout) && layout['order'] === 'column' ? 'column' : 'row';
  const space: Space = { dtype, shape, order, byteOrder: variable.byteOrder };
  const header = npyHeader(space);
  const rowBytes = rowBytesOf(space);
  let file: FileHandle;
  try {
    file = await openFile(path, 'wx');
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  let isOpen = true;
  const put = async (bytes: Uint8Array, at: number): Promise<void> => {
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
    } catch (cause) {
      throw fileError('write', path, cause);
    }
  };
  const end = async (): Promise<void> => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  await put(header, 0);
  return {
    order,
    rowsTogether: () => 1,
    writeRows: (_place, from, rows) => put(rows, header.length + from * rowBytes),
    close: end,
    [Symbol.asyncDispose]: end,
  };
}

const RULES: Rules = {
  title: 'npy',
  byteOrder: null,
  hasGroups: true,
  hasNames: false,
  isUnlimited: () => false,
  attributeOf: () => null,
  typeOf: (type) => type,
};

/** Files of numpy: one array, without names and attributes. */
export const NPY: DatasetFormat = {
  kind: 'dataset',
  name: 'npy',
  title: 'npy',
  extensions: ['.npy'],
  isFolder: false,
  isOneArray: true,
  matches: (start) => Buffer.from(start.subarray(0, 6)).equals(Buffer.from('\x93NUMPY', 'latin1')),
  open,
  fit: (dataset) => fitted(dataset, RULES),
  create,
};
