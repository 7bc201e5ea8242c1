import { LIMITS } from '../../core/limits.js';
import { utf8Length } from '../../core/utf8.js';
import { turned } from '../byte-order.js';
import type { Attribute } from '../dataset.js';
import { OF_DIMENSIONS } from './layout.js';
import { Hdf5Fault, type Hdf5Library, type Metadata } from './library.js';
import { typeOf } from './types.js';

/** Kinds of what a path names, as HDF5 numbers them. */
const GROUP = 0;
const DATASET = 1;
const NAMED_TYPE = 2;

interface Entries {
  /** Paths without a slash in front; parents first. */
  readonly groups: readonly string[];
  readonly datasets: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/** A file that the library has open. */
export interface OpenFile {
  readonly library: Hdf5Library;
  readonly id: bigint;
}

/** What is in a file, in the order that it keeps, or by name. Links are not followed. */
export function entriesOf(file: OpenFile): Entries {
  const { library, id } = file;
  const groups: string[] = [];
  const datasets: string[] = [];
  const skipped: { name: string; why: string }[] = [];
  // By where each lies in the file: a hard link may lead back to what it is in.
  const visited = new Map([[addressOf(file, '/'), '']]);
  const visit = (group: string, depth: number): void => {
    const names = library.call((h5) => h5.get_names(id, `/${group}`, false));
    for (const each of names) {
      const name = group === '' ? each : `${group}/${each}`;
      if (groups.length + datasets.length + skipped.length >= LIMITS.hdf5EntriesMax) {
        throw new Hdf5Fault(`it holds more than ${LIMITS.hdf5EntriesMax} groups and variables`);
      }
      const kind = kindOf(library, id, name);
      if (kind === GROUP) {
        const where = addressOf(file, `/${name}`);
        const again = visited.get(where);
        if (again !== undefined) skipped.push({ name, why: `it is the group "/${again}" again` });
        else if (depth > LIMITS.hdf5DepthMax) {
          skipped.push({ name, why: `groups are nested more than ${LIMITS.hdf5DepthMax} deep` });
        } else {
          visited.set(where, name);
          groups.push(name);
          visit(name, depth + 1);
        }
      } else if (kind === DATASET) datasets.push(name);
      else if (kind !== NAMED_TYPE) skipped.push({ name, why: String(kind) });
    }
  };
  visit('', 1);
  return { groups, datasets, skipped };
}

/** Where the header of what a path names begins in the file. */
export function addressOf({ library, id }: OpenFile, path: string): number {
  const reference = library.call((h5) => h5.create_object_reference(id, path));
  return Number(Buffer.from(reference).readBigUInt64LE());
}

/** A number of HDF5, or what it is in words. */
function kindOf(library: Hdf5Library, id: bigint, name: string): number | string {
  const path = `/${name}`;
  const fault = faultOfName(name);
  if (fault !== null) return fault;
  const target = library.call((h5) => h5.get_symbolic_link(id, path));
  if (target !== null) return `it is a link to "${target}"`;
  const { filename } = library.call((h5) => h5.get_external_link(id, path));
  if (filename !== undefined) return `it is a link to the file "${filename}"`;
  const kind = library.call((h5) => h5.get_type(id, path));
  return kind === GROUP || kind === DATASET || kind === NAMED_TYPE
    ? kind
    : 'it is of no known kind';
}

/** Why nothing of a file can be called so; null when it can. */
function faultOfName(name: string): string | null {
  if (name.includes('\uFFFD')) return 'its name is no UTF-8';
  if (/\p{Cc}/u.test(name)) return 'its name has control characters';
  if (/(^|\/)\.\.?$/u.test(name)) return 'its name is a dot, or two';
  const isLong = utf8Length(name) > LIMITS.nameBytesMax;
  return isLong ? `its name has more than ${LIMITS.nameBytesMax} bytes` : null;
}

/** The attributes of a path that are data of users, and those that are left out with why. */
export function attributesOf(
  { library, id }: OpenFile,
  path: string,
): { attributes: Attribute[]; skipped: { name: string; why: string }[] } {
  const attributes: Attribute[] = [];
  const skipped: { name: string; why: string }[] = [];
  for (const name of library.call((h5) => h5.get_attribute_names(id, path))) {
    if (OF_DIMENSIONS.includes(name)) continue;
    const metadata = library.call((h5) => h5.get_attribute_metadata(id, path, name));
    const found = typeOf(metadata);
    if (name === '' || utf8Length(name) > LIMITS.nameBytesMax) {
      const why = `its name is empty, or has more than ${LIMITS.nameBytesMax} bytes`;
      skipped.push({ name, why });
    } else if (typeof found === 'string') skipped.push({ name, why: `its values are ${found}` });
    else {
      const { type, stored } = found;
      const read = attributeBytes({ library, id }, path, name, metadata);
      const bytes = turned(read, type, 'little', stored.byteOrder);
      const shape = metadata.shape === null ? null : [...metadata.shape];
      attributes.push({ name, type, byteOrder: stored.byteOrder, bytes, shape });
    }
  }
  return { attributes, skipped };
}

function attributeBytes(
  { library, id }: OpenFile,
  path: string,
  name: string,
  { size, total_size: count, vlen }: Metadata,
): Uint8Array {
  const bytes = size * count;
  if (bytes === 0) return new Uint8Array();
  if (bytes > LIMITS.hdf5AttributeBytesMax)
    throw new Hdf5Fault(`"${name}" of "${path}" has ${bytes} bytes`);
  return library.withMemory(bytes, (address) => {
    library.call((h5) => h5.get_attribute_data(id, path, name, BigInt(address)));
    if (!vlen) return library.memory.slice(address, address + bytes);
    try {
      const texts = textsAt(library, address, count);
      return Buffer.concat(texts.flatMap((text) => [text, Buffer.of(0)]));
    } finally {
      library.call((h5) => h5.reclaim_vlen_memory(id, path, name, BigInt(address)));
    }
  });
}

/** Copies of the texts whose addresses lie at `address`; one that was never set is empty. */
export function textsAt(library: Hdf5Library, address: number, count: number): Uint8Array[] {
  const { memory } = library;
  const addresses = new DataView(memory.buffer, address, count * 4);
  return Array.from({ length: count }, (_, at) => {
    const begin = addresses.getUint32(at * 4, true);
    if (begin === 0) return new Uint8Array();
    const end = memory.indexOf(0, begin);
    return memory.slice(begin, end);
  });
}
