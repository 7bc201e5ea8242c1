import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { refuse } from '../../core/assert.js';
import { decodeUtf8, isUtf8 } from '../../core/utf8.js';
import { ZarrArray } from './array.js';
import { readWhole, replaceFile } from './files.js';
import { badZarr, isJsonMap, type JsonMap, parseNode } from './json.js';
import { arrayJson, groupJson, parseArray, type ZarrArrayInfo } from './metadata.js';

const NODE_FILE = 'zarr.json';
const NODE_BYTES_MAX = 16 * 1024 * 1024;

/** Of a node the path, from the store: names that Zarr 3 lets it have, none leaves the folder. */
function checkName(path: string): readonly string[] {
  const names = path.split('/');
  for (const name of names) {
    const isBad = name === '' || /^\.+$/u.test(name) || name.includes('\0');
    if (isBad || name.startsWith('__') || name === NODE_FILE) {
      refuse('bad-name', `Cannot name an array "${path}": Zarr does not allow it`);
    }
  }
  return names;
}

/** A group within a store. */
interface ZarrGroup {
  /** Its path, without a slash in front: `ocean/deep`. */
  readonly name: string;
  readonly attributes: JsonMap;
}

/**
 * A Zarr 3 store in a folder: a group with arrays and groups. What it writes other readers of Zarr
 * 3 read. With `sync` whatever was written is on the disk when the call returns.
 */
export class ZarrStore {
  readonly attributes: JsonMap;
  readonly #path: string;
  readonly #sync: boolean;
  /** Where the store is an array and no group: what it is called, as it has no name of its own. */
  readonly #only: string | null;

  private constructor(path: string, attributes: JsonMap, sync: boolean, only: string | null) {
    this.#path = path;
    this.attributes = attributes;
    this.#sync = sync;
    this.#only = only;
  }

  /** Makes a store, or gives one that is there other attributes. */
  static create(path: string, attributes: JsonMap, { sync = false } = {}): ZarrStore {
    replaceFile(join(path, NODE_FILE), groupJson(attributes), sync);
    return new ZarrStore(path, attributes, sync, null);
  }

  /**
   * `not-a-zarr-store` where there is none. One that is an array by itself has no attributes, and
   * that array, with the name of its folder.
   */
  static open(path: string, { sync = false } = {}): ZarrStore {
    const json = readNode(path);
    if (json['node_type'] === 'array') {
      return new ZarrStore(path, {}, sync, basename(resolve(path), '.zarr') || 'array');
    }
    return new ZarrStore(path, groupAttributes(json, path), sync, null);
  }

  /** Paths of the arrays, in order: `salinity`, and `ocean/salinity` in a group. */
  arrays(): readonly string[] {
    if (this.#only !== null) return [this.#only];
    return this.#nodes().flatMap(({ name, json }) => (json['node_type'] === 'array' ? [name] : []));
  }

  /** The groups within, in order: those that are in another one behind it. */
  groups(): readonly ZarrGroup[] {
    if (this.#only !== null) return [];
    return this.#nodes().flatMap(({ name, json }) => {
      if (json['node_type'] === 'array') return [];
      return [{ name, attributes: groupAttributes(json, join(this.#path, name)) }];
    });
  }

  /** Makes a group, and those that it is in; or gives one that is there other attributes. */
  createGroup(name: string, attributes: JsonMap): void {
    this.#enter(name);
    const path = join(this.#path, name);
    const json = findNode(path);
    if (json !== null) groupAttributes(json, path);
    replaceFile(join(path, NODE_FILE), groupJson(attributes), this.#sync);
  }

  createArray(name: string, info: ZarrArrayInfo): ZarrArray {
    const path = join(this.#path, name);
    const text = arrayJson(info);
    // What would not be read again is refused before anything is written.
    const read = parseArray(parseNode(text, path), path);
    const array = new ZarrArray(path, read, this.#sync);
    this.#enter(name);
    replaceFile(join(path, NODE_FILE), text, this.#sync);
    return array;
  }

  openArray(name: string): ZarrArray {
    if (name !== this.#only) checkName(name);
    const path = name === this.#only ? this.#path : join(this.#path, name);
    const json = readNode(path);
    if (json['node_type'] !== 'array') throw badZarr(path, 'it is no array');
    return new ZarrArray(path, parseArray(json, path), this.#sync);
  }

  /** All nodes below the root, by their paths. Links to other folders are not followed. */
  #nodes(): readonly { readonly name: string; readonly json: JsonMap }[] {
    const found: { name: string; json: JsonMap }[] = [];
    const within = [''];
    for (let group = within.pop(); group !== undefined; group = within.pop()) {
      for (const each of readdirSync(join(this.#path, group), { withFileTypes: true })) {
        if (!each.isDirectory()) continue;
        const name = group === '' ? each.name : `${group}/${each.name}`;
        const json = findNode(join(this.#path, name));
        if (json === null) continue;
        found.push({ name, json });
        if (json['node_type'] !== 'array') within.push(name);
      }
    }
    return found.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /**
   * Makes the groups that a new node is in. What groups keep of all that is in them would not have
   * it, and others would believe that: it is taken out.
   */
  #enter(name: string): void {
    const names = checkName(name);
    if (this.#only !== null) throw badZarr(this.#path, 'it is an array: nothing can be in it');
    for (let depth = 0; depth < names.length; depth += 1) {
      const path = join(this.#path, ...names.slice(0, depth));
      const json = findNode(path);
      const attributes = json === null ? {} : groupAttributes(json, path);
      if (json !== null && json['consolidated_metadata'] === undefined) continue;
      replaceFile(join(path, NODE_FILE), groupJson(attributes), this.#sync);
    }
  }
}

function groupAttributes(json: JsonMap, path: string): JsonMap {
  if (json['node_type'] !== 'group') throw badZarr(path, 'it is no group');
  const attributes = json['attributes'] ?? {};
  if (!isJsonMap(attributes)) throw badZarr(path, 'its attributes are no object');
  return attributes;
}

function readNode(path: string): JsonMap {
  const json = findNode(path);
  if (json === null) throw badZarr(path, `there is no ${NODE_FILE} in it`);
  return json;
}

/** Null where there is none. */
function findNode(path: string): JsonMap | null {
  const bytes = readWhole(join(path, NODE_FILE), NODE_BYTES_MAX);
  if (bytes === null) return null;
  if (!isUtf8(bytes)) throw badZarr(path, `its ${NODE_FILE} is no UTF-8`);
  return parseNode(decodeUtf8(bytes), path);
}
