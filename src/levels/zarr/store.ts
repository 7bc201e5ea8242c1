import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { refuse } from '../../core/assert.js';
import { decodeUtf8, isUtf8 } from '../../core/utf8.js';
import { ZarrArray } from './array.js';
import { readWhole, replaceFile } from './files.js';
import type { ZarrArrayInfo } from './metadata.js';
import {
  arrayJson,
  badZarr,
  groupJson,
  isJsonMap,
  type JsonMap,
  parseArray,
  parseNode,
} from './metadata.js';

const NODE_FILE = 'zarr.json';
const NODE_BYTES_MAX = 16 * 1024 * 1024;

/** Names that Zarr 3 lets a node have, without those that leave the folder. */
function checkName(name: string): void {
  const isBad = name === '' || /^\.+$/u.test(name) || /[/\0]/u.test(name) || name.startsWith('__');
  if (isBad || name === NODE_FILE) {
    refuse('bad-name', `Cannot name an array "${name}": Zarr does not allow it`);
  }
}

/**
 * A Zarr 3 store in a folder: a group with arrays. What it writes other readers of Zarr 3 read.
 * With `sync` whatever was written is on the disk when the call returns.
 */
export class ZarrStore {
  readonly attributes: JsonMap;
  readonly #path: string;
  readonly #sync: boolean;

  private constructor(path: string, attributes: JsonMap, sync: boolean) {
    this.#path = path;
    this.attributes = attributes;
    this.#sync = sync;
  }

  /** Makes a store, or gives one that is there other attributes. */
  static create(path: string, attributes: JsonMap, { sync = false } = {}): ZarrStore {
    replaceFile(join(path, NODE_FILE), groupJson(attributes), sync);
    return new ZarrStore(path, attributes, sync);
  }

  /** `not-a-zarr-store` where there is none. */
  static open(path: string, { sync = false } = {}): ZarrStore {
    const json = readNode(path);
    if (json['node_type'] !== 'group') throw badZarr(path, 'it is no group');
    const attributes = json['attributes'] ?? {};
    if (!isJsonMap(attributes)) throw badZarr(path, 'its attributes are no object');
    return new ZarrStore(path, attributes, sync);
  }

  /** Names of the arrays, in order. Groups within it are not looked into. */
  arrays(): readonly string[] {
    const folders = readdirSync(this.#path, { withFileTypes: true });
    const isArray = (name: string): boolean =>
      readWhole(join(this.#path, name, NODE_FILE), NODE_BYTES_MAX) !== null &&
      readNode(join(this.#path, name))['node_type'] === 'array';
    const names = folders.filter((each) => each.isDirectory()).map(({ name }) => name);
    return names.filter(isArray).sort();
  }

  createArray(name: string, info: ZarrArrayInfo): ZarrArray {
    checkName(name);
    const path = join(this.#path, name);
    const text = arrayJson(info);
    // What would not be read again is refused before it is written.
    parseArray(parseNode(text, path), path);
    const array = new ZarrArray(path, info, this.#sync);
    replaceFile(join(path, NODE_FILE), text, this.#sync);
    return array;
  }

  openArray(name: string): ZarrArray {
    checkName(name);
    const path = join(this.#path, name);
    const json = readNode(path);
    if (json['node_type'] !== 'array') throw badZarr(path, 'it is no array');
    return new ZarrArray(path, parseArray(json, path), this.#sync);
  }
}

function readNode(path: string): JsonMap {
  const bytes = readWhole(join(path, NODE_FILE), NODE_BYTES_MAX);
  if (bytes === null) throw badZarr(path, `there is no ${NODE_FILE} in it`);
  if (!isUtf8(bytes)) throw badZarr(path, `its ${NODE_FILE} is no UTF-8`);
  return parseNode(decodeUtf8(bytes), path);
}
