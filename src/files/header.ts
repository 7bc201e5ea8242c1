import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { checkSpace, type Dtype, type SpaceExpectation } from '../core/space.js';
import { decodeUtf8, encodeUtf8, isUtf8 } from '../core/utf8.js';
import { product } from '../formats/chunking.js';
import type {
  Attribute,
  AttributeType,
  Dataset,
  Dimension,
  Group,
  Variable,
} from '../formats/dataset.js';
import { elementSize } from '../formats/element-size.js';
import type { Json, JsonMap } from './format.js';
import { FORMATS } from './formats.js';
import { faultOf } from './header-bounds.js';
import { isJsonMap, parseJson } from './json.js';

/**
 * What a file was, besides the elements of its variables: kept as an object of its own, from which
 * and from the objects of the variables the file is made again.
 */
export type FileHeader =
  | {
      readonly kind: 'dataset';
      readonly format: string;
      readonly dataset: Dataset;
      /** The objects of the variables, as they stand in the dataset; null: not imported. */
      readonly objects: readonly (string | null)[];
      readonly layout: Json;
      /** The object that has the bytes of the file; left out: they are not kept. */
      readonly original?: string;
    }
  | {
      readonly kind: 'messages';
      readonly format: 'grib';
      /** The objects of the messages in order, and the zero bytes behind each. */
      readonly messages: readonly { readonly object: string; readonly padding: number }[];
    }
  | {
      readonly kind: 'fields';
      readonly format: 'grib';
      /** The objects of coordinates, and of what messages say, in the order of the messages. */
      readonly coords: readonly string[];
      readonly fields: readonly string[];
      /** The object that has the bytes of the messages; left out: they are not kept. */
      readonly original?: string;
    };

/** What a header's object says of itself in its attribute `file.header`. */
export const HEADER_VERSION = 1;

/** Zero bytes behind a message: writers fill blocks of a disk with them. */
export const PADDING_BYTES_MAX = 1024 * 1024;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function attributesJson(attributes: readonly Attribute[]): Json {
  return attributes.map(({ bytes, shape, ...rest }) => {
    return { ...rest, bytes: base64(bytes), ...(shape === undefined ? {} : { shape }) };
  });
}

/** The bytes of a header's object. */
export function encodeHeader(header: FileHeader): Uint8Array {
  const json: JsonMap =
    header.kind !== 'dataset'
      ? { version: HEADER_VERSION, ...header }
      : {
          ...{ version: HEADER_VERSION, kind: 'dataset', format: header.format },
          ...{ objects: header.objects, layout: header.layout },
          ...(header.original === undefined ? {} : { original: header.original }),
          dataset: {
            dimensions: header.dataset.dimensions as unknown as Json,
            attributes: attributesJson(header.dataset.attributes),
            variables: header.dataset.variables.map((each) => {
              return { ...each, attributes: attributesJson(each.attributes) };
            }),
            groups: (header.dataset.groups ?? []).map((each) => {
              return { ...each, attributes: attributesJson(each.attributes) };
            }),
          },
        };
  return encodeUtf8(JSON.stringify(json));
}

/** What the object's bytes say. `bad-file-header` for what is none: anybody may have offered it. */
export function decodeHeader(bytes: Uint8Array, name: string): FileHeader {
  const isRead = bytes.length <= LIMITS.fileHeaderBytesMax && isUtf8(bytes);
  const json = isRead ? parseJson(decodeUtf8(bytes)) : undefined;
  const header = isJsonMap(json) && json['version'] === HEADER_VERSION ? headerFrom(json) : null;
  const fault = header === null ? null : faultOf(header);
  if (header !== null && fault === null) return header;
  const why = fault?.why ?? 'it is no header of a file, or of another version';
  const message = `Cannot export what "${name}" tells of: ${why}`;
  throw new AttaccaError('bad-file-header', message, { name });
}

/** Refuses to import what would be refused when it is exported. `bad-name`, `too-large`. */
export function mustBeHeader(header: FileHeader, path: string): void {
  const fault = faultOf(header);
  if (fault === null) return;
  refuse(fault.isTooMuch ? 'too-large' : 'bad-name', `Cannot import "${path}": ${fault.why}`, {
    path,
  });
}

function headerFrom(json: JsonMap): FileHeader | null {
  const { kind, format, objects, layout = null, original } = json;
  if (original !== undefined && typeof original !== 'string') return null;
  const kept = original === undefined ? {} : { original };
  if (kind === 'messages' && format === 'grib') {
    const messages = listOf(json['messages'], messageFrom);
    return messages === null ? null : { kind, format, messages };
  }
  if (kind === 'fields' && format === 'grib') {
    const [coords, fields] = [listOf(json['coords'], textFrom), listOf(json['fields'], textFrom)];
    return coords === null || fields === null ? null : { kind, format, coords, fields, ...kept };
  }
  const dataset = isJsonMap(json['dataset']) ? datasetFrom(json['dataset']) : null;
  const names = listOf(objects, (each) => {
    return each === null || typeof each === 'string' ? { name: each } : null;
  });
  const isFormat = FORMATS.some((each) => each.kind === 'dataset' && each.name === format);
  if (
    kind !== 'dataset' ||
    typeof format !== 'string' ||
    !isFormat ||
    dataset === null ||
    names === null
  ) {
    return null;
  }
  if (names.length !== dataset.variables.length) return null;
  return { kind, format, dataset, objects: names.map(({ name }) => name), layout, ...kept };
}

const textFrom = (json: Json): string | null => (typeof json === 'string' ? json : null);

function listOf<T>(json: Json | undefined, from: (each: Json) => T | null): readonly T[] | null {
  if (!Array.isArray(json)) return null;
  const list = (json as readonly Json[]).map(from);
  return list.every((each): each is T & {} => each !== null) ? list : null;
}

function messageFrom(json: Json): { object: string; padding: number } | null {
  if (!isJsonMap(json)) return null;
  const { object, padding } = json;
  const isPadding = isSize(padding) && padding <= PADDING_BYTES_MAX;
  return typeof object === 'string' && isPadding ? { object, padding } : null;
}

function isSize(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function datasetFrom(json: JsonMap): Dataset | null {
  const dimensions = listOf(json['dimensions'], dimensionFrom);
  const attributes = listOf(json['attributes'], attributeFrom);
  const variables = listOf(json['variables'], (each) => variableFrom(each, dimensions ?? []));
  const groups = listOf(json['groups'], groupFrom);
  if (dimensions === null || attributes === null || variables === null || groups === null) {
    return null;
  }
  return { dimensions, attributes, variables, ...(groups.length === 0 ? {} : { groups }) };
}

function dimensionFrom(json: Json): Dimension | null {
  if (!isJsonMap(json)) return null;
  const { name, size, unlimited } = json;
  if (typeof name !== 'string' || !isSize(size) || typeof unlimited !== 'boolean') return null;
  return { name, size, unlimited };
}

function typed(json: JsonMap): Pick<Attribute, 'name' | 'type' | 'byteOrder'> | null {
  const { name, type, byteOrder } = json;
  const isOrder = byteOrder === 'little' || byteOrder === 'big';
  if (typeof name !== 'string' || typeof type !== 'string' || !isOrder) return null;
  return isType(type) ? { name, type, byteOrder } : null;
}

function isType(type: string): type is AttributeType {
  return type === 'char' || type === 'text' || isSpace({ dtype: type as Dtype });
}

function isSpace(space: SpaceExpectation): boolean {
  try {
    checkSpace(space);
    return true;
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'bad-space') return false;
    throw error;
  }
}

function attributeFrom(json: Json): Attribute | null {
  const known = isJsonMap(json) ? typed(json) : null;
  if (known === null || !isJsonMap(json)) return null;
  const { bytes, shape } = json;
  if (typeof bytes !== 'string') return null;
  const read = { ...known, bytes: new Uint8Array(Buffer.from(bytes, 'base64')) };
  if (shape === undefined) return hasCount(read, null) ? read : null;
  if (shape === null) return read.bytes.length === 0 ? { ...read, shape } : null;
  if (!Array.isArray(shape) || !shape.every(isSize)) return null;
  const count = product(shape);
  return hasCount(read, shape.length === 0 && known.type === 'char' ? null : count)
    ? { ...read, shape }
    : null;
}

/** Whether the bytes are so many values of their type; null: any number of whole ones. */
function hasCount({ type, bytes }: Attribute, count: number | null): boolean {
  if (type !== 'text') {
    const size = elementSize(type);
    return count === null ? bytes.length % size === 0 : bytes.length === count * size;
  }
  if (bytes.length > 0 && bytes.at(-1) !== 0) return false;
  return count === null || bytes.reduce((sum, each) => (each === 0 ? sum + 1 : sum), 0) === count;
}

function groupFrom(json: Json): Group | null {
  if (!isJsonMap(json) || typeof json['name'] !== 'string') return null;
  const attributes = listOf(json['attributes'], attributeFrom);
  return attributes === null ? null : { name: json['name'], attributes };
}

function variableFrom(json: Json, dimensions: readonly Dimension[]): Variable | null {
  const known = isJsonMap(json) ? typed(json) : null;
  if (known === null || !isJsonMap(json)) return null;
  const { type } = known;
  const attributes = listOf(json['attributes'], attributeFrom);
  const places = listOf(json['dimensions'], (each) => {
    return isSize(each) && each < dimensions.length ? { each } : null;
  });
  if (attributes === null || places === null || type === 'text') return null;
  const shape = places.map(({ each }) => (dimensions[each] as Dimension).size);
  if (!isSpace({ shape }) || !Number.isSafeInteger(product(shape) * elementSize(type))) return null;
  return { ...known, type, attributes, dimensions: places.map(({ each }) => each) };
}
