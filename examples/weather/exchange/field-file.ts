/**
 * A file of fields: their bytes one after another, each from a multiple of 64 on, then an index as
 * JSON, then its size and a mark. One write a field, one read a field; no fsync.
 */
import { closeSync, fstatSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { WeatherError } from '../errors.js';
import type { FieldAttributes } from './exchange.js';

export interface FieldEntry {
  readonly name: string;
  readonly attributes: FieldAttributes;
  readonly offset: number;
  readonly size: number;
}

const MARK = 'WXFIELDS';
const TRAILER_BYTES = 4 + MARK.length;
const ALIGN_BYTES = 64;

function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(descriptor, bytes, at, bytes.length - at, position + at);
  }
}

/** Writes under a draft's name; `finish` gives the file its own, so that nobody sees half of it. */
export class FieldFileWriter {
  readonly #draft: string;
  readonly #descriptor: number;
  readonly #entries: FieldEntry[] = [];
  #end = 0;

  constructor(draft: string) {
    this.#draft = draft;
    this.#descriptor = openSync(draft, 'wx', 0o600);
  }

  get count(): number {
    return this.#entries.length;
  }

  append(name: string, attributes: FieldAttributes, bytes: Uint8Array): void {
    const offset = Math.ceil(this.#end / ALIGN_BYTES) * ALIGN_BYTES;
    writeAll(this.#descriptor, bytes, offset);
    this.#entries.push({ name, attributes, offset, size: bytes.length });
    this.#end = offset + bytes.length;
  }

  finish(path: string): void {
    const index = Buffer.from(JSON.stringify(this.#entries));
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.writeUInt32LE(index.length, 0);
    trailer.write(MARK, 4, 'latin1');
    writeAll(this.#descriptor, Buffer.concat([index, trailer]), this.#end);
    closeSync(this.#descriptor);
    renameSync(this.#draft, path);
  }
}

/** An open file of fields. */
export class FieldFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #entries = new Map<string, FieldEntry>();

  /** @throws WeatherError `bad-field-file`; an error of the file system as it is. */
  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, 'r');
    try {
      for (const entry of this.#readIndex()) this.#entries.set(entry.name, entry);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  entry(name: string): FieldEntry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw this.#bad(`it has no field "${name}"`);
  }

  read(entry: FieldEntry, target: Uint8Array): void {
    this.#readAll(target.subarray(0, entry.size), entry.offset);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #readIndex(): readonly FieldEntry[] {
    const { size } = fstatSync(this.#descriptor);
    const trailer = Buffer.alloc(TRAILER_BYTES);
    if (size < TRAILER_BYTES) throw this.#bad('it is too short');
    this.#readAll(trailer, size - TRAILER_BYTES);
    if (trailer.toString('latin1', 4) !== MARK) throw this.#bad('its end is missing');
    const index = Buffer.alloc(Math.min(trailer.readUInt32LE(0), size - TRAILER_BYTES));
    this.#readAll(index, size - TRAILER_BYTES - index.length);
    try {
      return JSON.parse(index.toString('utf8')) as readonly FieldEntry[];
    } catch (cause) {
      throw this.#bad('its index does not parse', cause);
    }
  }

  #readAll(target: Uint8Array, position: number): void {
    for (let at = 0; at < target.length; ) {
      const count = readSync(this.#descriptor, target, at, target.length - at, position + at);
      if (count === 0) throw this.#bad('it ends too early');
      at += count;
    }
  }

  #bad(why: string, cause?: unknown): WeatherError {
    return new WeatherError('bad-field-file', `Cannot read "${this.path}": ${why}`, { cause });
  }
}
