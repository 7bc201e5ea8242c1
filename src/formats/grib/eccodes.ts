import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LIMITS } from '../../core/limits.js';

/** ecCodes of this process: the few calls that values and keys take. */
export interface Eccodes {
  /** As `2.50.0`. */
  readonly version: string;
  /** Where it was found. */
  readonly path: string;
  /** A message that was read, or null when ecCodes sees no message in it. */
  open(message: Uint8Array): bigint | null;
  close(handle: bigint): void;
  /** Each throws {@link EccodesFault} when ecCodes refuses. */
  long(handle: bigint, key: string): number;
  double(handle: bigint, key: string): number;
  text(handle: bigint, key: string): string;
  typeOf(handle: bigint, key: string): 'long' | 'double' | 'text';
  setDouble(handle: bigint, key: string, value: number): void;
  doubles(handle: bigint, key: string): Float64Array;
  /** The keys of a namespace that this message has. */
  keysOf(handle: bigint, namespace: string): string[];
}

/** What ecCodes says is wrong. */
export class EccodesFault extends Error {
  override readonly name = 'EccodesFault';
}

type Koffi = typeof import('koffi');

const TEXT_BYTES_MAX = 4_096;
const KEYS_MAX = 1_000;
const TYPES = { 1: 'long', 2: 'double' } as const;

/** Loads a library: those of PyPI stand in packages side by side, and do not find each other. */
function load(koffi: Koffi, path: string): ReturnType<Koffi['load']> {
  try {
    return koffi.load(path);
  } catch (cause) {
    const beside = join(dirname(path), '../../eckitlib/lib64');
    if (!path.includes('/') || !existsSync(beside)) throw cause;
    preload(koffi, beside);
    return koffi.load(path);
  }
}

/** Loads all libraries of a folder, those first that need none of the others. */
function preload(koffi: Koffi, folder: string): void {
  let waiting = readdirSync(folder).filter((name) => /\.(?:so|dylib)$/u.test(name));
  for (let before = waiting.length + 1; waiting.length < before; ) {
    before = waiting.length;
    waiting = waiting.filter((name) => {
      try {
        koffi.load(join(folder, name));
        return false;
      } catch {
        return true;
      }
    });
  }
}

type Get = (handle: bigint, key: string, value: [number]) => number;
type GetMany = (handle: bigint, key: string, into: Uint8Array, size: [number]) => number;

/** The functions of the library, as <eccodes.h> declares them. */
interface Functions {
  readonly version: () => number;
  readonly create: (context: null, message: Uint8Array, size: number) => bigint | null;
  readonly free: (handle: bigint) => number;
  readonly say: (code: number) => string;
  readonly getLong: Get;
  readonly getDouble: Get;
  readonly getSize: Get;
  readonly getType: Get;
  readonly getText: GetMany;
  readonly getDoubles: GetMany;
  readonly setDouble: (handle: bigint, key: string, value: number) => number;
  readonly iterate: (handle: bigint, flags: number, namespace: string) => bigint | null;
  readonly next: (iterator: bigint) => number;
  readonly nameAt: (iterator: bigint) => string;
  readonly end: (iterator: bigint) => number;
}

function bind(library: ReturnType<Koffi['load']>): Functions {
  const get = (name: string, type: string): Get =>
    library.func(`int codes_get_${name}(void *, const char *, _Out_ ${type} *)`);
  const getMany = (name: string): GetMany =>
    library.func(`int codes_get_${name}(void *, const char *, void *, _Inout_ size_t *)`);
  return {
    version: library.func('long codes_get_api_version(void)'),
    create: library.func('void *codes_handle_new_from_message_copy(void *, const void *, size_t)'),
    free: library.func('int codes_handle_delete(void *)'),
    say: library.func('const char *codes_get_error_message(int)'),
    getLong: get('long', 'long'),
    getDouble: get('double', 'double'),
    getSize: get('size', 'size_t'),
    getType: get('native_type', 'int'),
    getText: getMany('string'),
    getDoubles: getMany('double_array'),
    setDouble: library.func('int codes_set_double(void *, const char *, double)'),
    iterate: library.func('void *codes_keys_iterator_new(void *, unsigned long, const char *)'),
    next: library.func('int codes_keys_iterator_next(void *)'),
    nameAt: library.func('const char *codes_keys_iterator_get_name(void *)'),
    end: library.func('int codes_keys_iterator_delete(void *)'),
  };
}

/** Loads ecCodes from a path, or by a name that the system looks for. Throws when it cannot. */
export function loadEccodes(koffi: Koffi, path: string): Eccodes {
  const c = bind(load(koffi, path));
  const check = (code: number, key: string): void => {
    if (code !== 0) throw new EccodesFault(`${c.say(code)} (${key})`);
  };
  const one = (get: Get, handle: bigint, key: string): number => {
    const value: [number] = [0];
    check(get(handle, key, value), key);
    return Number(value[0]);
  };
  const number = c.version();
  return {
    path,
    version: [Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100].join('.'),
    open: (message) => c.create(null, message, message.length),
    close: (handle) => {
      c.free(handle);
    },
    long: (handle, key) => one(c.getLong, handle, key),
    double: (handle, key) => one(c.getDouble, handle, key),
    text: (handle, key) => {
      const bytes = new Uint8Array(TEXT_BYTES_MAX);
      const size: [number] = [bytes.length];
      check(c.getText(handle, key, bytes, size), key);
      const end = bytes.indexOf(0);
      return Buffer.from(bytes.subarray(0, end < 0 ? size[0] : end)).toString();
    },
    typeOf: (handle, key) => {
      const code = one(c.getType, handle, key);
      return code === 1 || code === 2 ? TYPES[code] : 'text';
    },
    setDouble: (handle, key, value) => check(c.setDouble(handle, key, value), key),
    doubles: (handle, key) => {
      const count = one(c.getSize, handle, key);
      if (count > LIMITS.gribValuesMax) throw new EccodesFault(`it has ${count} ${key}`);
      const values = new Float64Array(count);
      const size: [number] = [count];
      check(c.getDoubles(handle, key, new Uint8Array(values.buffer), size), key);
      if (Number(size[0]) !== count) {
        throw new EccodesFault(`it has ${size[0]} of ${count} ${key}`);
      }
      return values;
    },
    keysOf: (handle, namespace) => {
      const iterator = c.iterate(handle, 0, namespace);
      if (iterator === null) return [];
      try {
        const keys: string[] = [];
        while (keys.length < KEYS_MAX && c.next(iterator) === 1) keys.push(c.nameAt(iterator));
        return keys;
      } finally {
        c.end(iterator);
      }
    },
  };
}
