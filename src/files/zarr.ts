import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { refuse } from '../core/assert.js';
import { isNumeric } from '../core/dtype.js';
import { AttaccaError } from '../core/errors.js';
import { fileError } from '../core/file-error.js';
import { itemSizeOf } from '../core/space.js';
import { systemCode } from '../core/system-errors.js';
import { utf8Length } from '../core/utf8.js';
import { readInBlocks, regionOf } from '../formats/blocks.js';

import { type Block, chunksFor, product } from '../formats/chunking.js';
import type { Attribute, Dataset, Dimension, ElementType, Variable } from '../formats/dataset.js';
import type { ZarrArray } from '../levels/zarr/array.js';
import type { ZarrArrayInfo } from '../levels/zarr/metadata.js';
import { ZarrStore } from '../levels/zarr/store.js';
import { attributeFrom, jsonOf } from './attributes.js';
import { Dimensions } from './dimensions.js';
import { fitted, type Rules } from './fitting.js';
import type { DatasetFormat, Json, JsonMap, Skipped, SourceFile, TargetFile } from './format.js';
import { isAttributeName, isPathName } from './header-bounds.js';
import { isJsonMap } from './json.js';
import { FILL_VALUE, fillFrom, fillJson } from './zarr-fill.js';

const GZIP_LEVEL = 1;

function attributesFrom(json: JsonMap, type?: ElementType): readonly Attribute[] {
  return Object.entries(json).flatMap(([name, value]) => {
    if (!isAttributeName(name)) return [];
    const fill = name === FILL_VALUE && type !== undefined ? fillFrom(value, type) : null;
    return fill ?? attributeFrom(name, value) ?? [];
  });
}

/** What of an array's metadata is not in the dataset. */
function storageOf(info: ZarrArrayInfo): Json {
  const { chunk, separator, codecs, fillValue, attributes, dimensionNames } = info;
  return { chunk, separator, codecs, fillValue, attributes, dimensionNames } as unknown as Json;
}

async function open(path: string): Promise<SourceFile> {
  const store = ZarrStore.open(path);
  const { names, arrays, skipped } = opened(store);
  const dimensions = new Dimensions();
  const variables = arrays.map(({ info }, at): Variable => {
    const places = info.shape.map((size, axis) => {
      // Labels are any text; what is no name stays with what is kept of the store.
      const label = info.dimensionNames?.[axis] ?? null;
      return dimensions.place(label !== null && isPathName(label) ? label : null, size);
    });
    return {
      ...{ name: names[at] as string, type: info.dtype, byteOrder: info.byteOrder },
      ...{ dimensions: places, attributes: attributesFrom(info.attributes, info.dtype) },
    };
  });
  const storages = names.map((name, at) => [name, storageOf((arrays[at] as ZarrArray).info)]);
  return {
    dataset: {
      dimensions: dimensions.all,
      attributes: attributesFrom(store.attributes),
      variables,
      groups: store.groups().map(({ name, attributes }) => {
        return { name, attributes: attributesFrom(attributes) };
      }),
    },
    layout: { attributes: store.attributes, arrays: Object.fromEntries(storages) },
    ...{ order: 'row', skipped },
    async readInto(place, into, done) {
      const array = arrays[place] as ZarrArray;
      const { shape, chunk: chunks, dtype } = array.info;
      const itemSize = itemSizeOf(dtype);
      const read = async (block: Block): Promise<Uint8Array> => {
        const bytes = new Uint8Array(product(block.count) * itemSize);
        await array.readRegion(regionOf(shape, block), bytes);
        return bytes;
      };
      await readInBlocks({ shape, chunks, itemSize }, into, read, done);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The arrays of a store; one that cannot be read costs no other. */
function opened(store: ZarrStore) {
  const names: string[] = [];
  const arrays: ZarrArray[] = [];
  const skipped: Skipped[] = [];
  for (const name of store.arrays()) {
    try {
      arrays.push(store.openArray(name));
      names.push(name);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      skipped.push({ name, why: error.message });
    }
  }
  return { names, arrays, skipped };
}

/** What file systems let a name have. */
const PART_BYTES_MAX = 255;

function mustBeFolders(all: readonly { readonly name: string }[]): void {
  for (const { name } of all) {
    if (name.split('/').every((part) => utf8Length(part) <= PART_BYTES_MAX)) continue;
    const why = `a name that begins "${name.slice(0, 40)}" has more than ${PART_BYTES_MAX} bytes`;
    refuse('bad-name', `Cannot write the store: ${why}, and no folder can`, { name });
  }
}

/** Of folders that are made with those above them Node says "no such file" where none may be. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (cause) {
    if (systemCode(cause) === 'EROFS') throw fileError('write', path, cause);
  }
}

async function create(path: string, dataset: Dataset, layout: Json): Promise<TargetFile> {
  const kept = isJsonMap(layout) ? layout : {};
  const own = isJsonMap(kept['attributes']) ? kept['attributes'] : null;
  const storages = isJsonMap(kept['arrays']) ? kept['arrays'] : {};
  mustBeFolders([...dataset.variables, ...(dataset.groups ?? [])]);
  makeFolder(path);
  const store = ZarrStore.create(path, own ?? attributesOf(dataset.attributes));
  for (const { name, attributes } of dataset.groups ?? []) {
    store.createGroup(name, attributesOf(attributes));
  }
  const arrays = dataset.variables.map((variable) => {
    const { name } = variable;
    const storage = Object.hasOwn(storages, name) ? storages[name] : undefined;
    try {
      return store.createArray(name, infoFor(dataset, variable, storage));
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // Anybody may have offered what is kept of it.
      const why = `what it keeps of "${name}" is no array of Zarr: ${error.message}`;
      throw new AttaccaError('bad-file-header', `Cannot export: ${why}`, { name });
    }
  });
  const infoOf = (place: number): ZarrArrayInfo => (arrays[place] as ZarrArray).info;
  let writing: Promise<void> = Promise.resolve();
  return {
    rowsTogether: (place) => infoOf(place).chunk[0] ?? 1,
    async writeRows(place, from, bytes) {
      const { shape, dtype } = infoOf(place);
      const size = product(shape.slice(1)) * itemSizeOf(dtype);
      const rows = size === 0 ? 0 : bytes.length / size;
      const block = {
        offset: shape.map((_, axis) => (axis === 0 ? from : 0)),
        count: shape.map((all, axis) => (axis === 0 ? rows : all)),
      };
      writing = (arrays[place] as ZarrArray).writeRegion(regionOf(shape, block), bytes);
      await writing;
    },
    async close() {},
    async [Symbol.asyncDispose]() {
      await writing.catch(() => {});
    },
  };
}

function isUnreadable(error: unknown): error is AttaccaError {
  return error instanceof AttaccaError && error.code === 'not-a-zarr-store';
}

function attributesOf(attributes: readonly Attribute[], type?: ElementType): JsonMap {
  const entries = attributes.flatMap((each) => {
    if (each.name !== FILL_VALUE || type === undefined) return [[each.name, jsonOf(each)]];
    const fill = fillJson(each, type);
    return fill === undefined ? [] : [[each.name, fill]];
  });
  return Object.fromEntries(entries);
}

function infoFor(
  { dimensions }: Dataset,
  variable: Variable,
  kept: Json | undefined,
): ZarrArrayInfo {
  const own = variable.dimensions.map((at) => dimensions[at] as Dimension);
  const shape = own.map(({ size }) => size);
  const dtype = variable.type as ZarrArrayInfo['dtype'];
  const plain = {
    chunk: chunksFor(shape, itemSizeOf(dtype)),
    separator: '/',
    codecs: [{ name: 'gzip', level: GZIP_LEVEL }],
    fillValue: fillFor(dtype),
    dimensionNames: own.map(({ name }) => name),
    attributes: attributesOf(variable.attributes, variable.type),
  } as const;
  const storage = isJsonMap(kept) ? (kept as unknown as typeof plain) : plain;
  // Anybody may have offered what is kept. All else is looked at when the array is made.
  const codecs: unknown = storage.codecs ?? [];
  if (!(Array.isArray(codecs) && codecs.every(isCodec))) {
    const why = `what it keeps of "${variable.name}" is no list of codecs`;
    throw new AttaccaError('bad-file-header', `Cannot export: ${why}`);
  }
  return { ...plain, ...storage, dtype, shape, byteOrder: variable.byteOrder };
}

function isCodec(value: Json): boolean {
  return isJsonMap(value) && typeof value['name'] === 'string';
}

function fillFor(dtype: ZarrArrayInfo['dtype']): Json {
  if (dtype.startsWith('string[')) return '';
  if (dtype === 'bool') return false;
  if (dtype.startsWith('complex')) return [0, 0];
  return 0;
}

const RULES: Rules = {
  title: 'Zarr',
  byteOrder: null,
  hasGroups: true,
  isUnlimited: () => false,
  attributeOf: (attribute) => attribute,
  typeOf(type) {
    if (type === 'char') return 'string[1]';
    return isNumeric(type) || type.startsWith('string[') ? type : null;
  },
};

/** Zarr 3, in a folder. */
export const ZARR: DatasetFormat = {
  kind: 'dataset',
  name: 'zarr',
  title: 'Zarr 3',
  extensions: ['.zarr'],
  isFolder: true,
  matches: (_start, path) => existsSync(join(path, 'zarr.json')),
  open,
  fit: (dataset) => fitted(dataset, RULES),
  create,
};
