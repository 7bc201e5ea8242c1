import { basename } from 'node:path';
import type { Attributes } from '../client/options.js';
import type { Pool } from '../client/pool.js';
import { throwIfAborted } from '../client/waiting.js';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { formatBytes } from '../core/format-bytes.js';
import { type Space, spaceBytes } from '../core/space.js';
import { FileSource } from '../formats/bytes.js';
import { keysOfMessage } from '../formats/grib/keys.js';
import { type GribScan, scanGrib } from '../formats/grib/scan.js';
import { GribValues } from '../formats/grib/values.js';
import { Turns } from '../formats/turns.js';
import { DAMAGED } from './damaged.js';
import type { Skipped } from './format.js';
import { GridCoords } from './grid-coords.js';
import { type FileHeader, PADDING_BYTES_MAX } from './header.js';
import { type DecodeValues, KeptValues } from './kept-values.js';
import {
  headerObject,
  type ImportedFile,
  type ImportOptions,
  offerAll,
  type ToImport,
} from './offering.js';
import { isOriginalKept, originalObject, type Piece } from './original.js';

type Message = GribScan['messages'][number];

/** The sections that tell what a message is have some hundred bytes. */
const HEAD_BYTES = 4_096;

/** Makes an object of each message of a GRIB file: its bytes, or with `values` what it says. */
export async function importMessages(
  pool: Pool,
  path: string,
  name: string,
  options: ImportOptions,
): Promise<ImportedFile> {
  using source = new FileSource(path);
  const turns = new Turns(() => throwIfAborted(`import "${path}"`, options.signal));
  const { messages, damaged } = await scanGrib(source, turns);
  const skipped = damaged.map(toldDamage);
  const numbered = numbersOf(messages, damaged);
  const broken = damagedKept(damaged, options);
  const numbers = wantedOf(numbered, options.only, path, broken);
  const digits = String(messages.length + damaged.length).length;
  const plainName = (number: number): string => `${name}/${String(number).padStart(digits, '0')}`;
  const read = (message: Message, size: number): Uint8Array => {
    const bytes = new Uint8Array(Math.min(message.size, size));
    source.read(message.offset, bytes);
    return bytes;
  };
  const ofFile = { '.part-of': name, file: basename(path), ...options.attributes };
  const attributesOf = (message: Message, number: number, more: Attributes): Attributes => ({
    ...{ ...more, ...keysOfMessage(read(message, HEAD_BYTES)), message: number, ...ofFile },
  });
  const all: ToImport[] = [];
  const grids = new GridCoords(name, ofFile);
  using values = new GribValues();
  const keeping = new KeptValues();
  const kept: Kept[] = [];
  for (const number of numbers) {
    if (turns.isOver) await turns.next();
    const damage = broken.get(number);
    if (damage !== undefined) {
      kept.push({ ...damage, object: plainName(number), padding: 0 });
      all.push(brokenObject(plainName(number), damage, source, ofFile));
      continue;
    }
    const message = numbered.get(number) as Message;
    const whole = (): Uint8Array => read(message, message.size);
    const piece = { ...message, padding: Math.min(message.padding, PADDING_BYTES_MAX) };
    if (options.values === true) {
      const field = await fieldOf(values, whole(), number, skipped);
      if (field === null) continue;
      const dims = grids.told(field.axes, field.shape.length);
      const attributes = attributesOf(message, number, { ...field.keys, ...field.mars, ...dims });
      const object = options.nameOf?.(attributes) ?? plainName(number);
      const again = async () => (await values.decode(whole())).values;
      const filling = keeping.valuesOr(field.values, again);
      all.push(decoded(object, attributes, field.shape, filling));
      kept.push({ ...piece, object });
      continue;
    }
    const attributes = attributesOf(message, number, {});
    const object = options.nameOf?.(attributes) ?? plainName(number);
    kept.push({ ...piece, object });
    all.push({
      ...{ name: object, space: bytesSpace(message.size), attributes },
      async fill(into, done) {
        source.read(message.offset, into);
        done(into.length);
      },
    });
  }
  const offering = { ...options, path, skipped, format: 'grib' };
  // Without a whole message there is no such file.
  if (kept.length === broken.size) return await offerAll(pool, [], offering);
  const { objects: coords } = grids;
  const sizes = all.map(({ space }) => spaceBytes(space));
  const isKept =
    options.values === true && (await isOriginalKept(pool, source.size, sizes, options.original));
  const original = isKept ? originalObject(name, source, kept, path, options) : null;
  const told = headerOf(options, coords, kept, original);
  const telling = { original, header: headerObject(name, told, path, {}, options) };
  return await offerAll(pool, [...coords, ...all], { ...offering, telling });
}

type Kept = Piece & { readonly object: string };

type Damage = GribScan['damaged'][number];

function toldDamage({ offset, size, number, why }: Damage): Skipped {
  return { name: `message ${number}`, why: `${formatBytes(size)} at byte ${offset}: ${why}` };
}

/**
 * What is damaged, by its number. With messages as they are it is kept as it is, too: so nothing of
 * the file is lost, and an export has all its bytes.
 */
function damagedKept(
  damaged: readonly Damage[],
  { values, only }: ImportOptions,
): ReadonlyMap<number, Damage> {
  if (values === true || (only !== undefined && only.length > 0)) return new Map();
  return new Map(damaged.map((each) => [each.number, each]));
}

/** Bytes that are no whole message, with the reason, and without keys. */
function brokenObject(
  name: string,
  { offset, size, number, why }: Damage,
  source: FileSource,
  ofFile: Attributes,
): ToImport {
  const attributes = { [DAMAGED]: why, message: number, ...ofFile };
  return {
    ...{ name, space: bytesSpace(size), attributes },
    async fill(into, done) {
      source.read(offset, into);
      done(into.length);
    },
  };
}

function headerOf(
  { values }: ImportOptions,
  coords: readonly ToImport[],
  kept: readonly Kept[],
  original: ToImport | null,
): FileHeader {
  return values === true ? fieldsHeader(coords, kept, original) : messagesHeader(kept);
}

function messagesHeader(kept: readonly Kept[]): FileHeader {
  const messages = kept.map(({ object, padding }) => ({ object, padding }));
  return { kind: 'messages', format: 'grib', messages };
}

function fieldsHeader(
  coords: readonly ToImport[],
  kept: readonly Kept[],
  original: ToImport | null,
): FileHeader {
  return {
    ...{ kind: 'fields', format: 'grib', coords: coords.map(({ name }) => name) },
    fields: kept.map(({ object }) => object),
    ...(original === null ? {} : { original: original.name }),
  };
}

function bytesSpace(size: number): Space {
  return { dtype: 'uint8', shape: [size], order: 'row', byteOrder: 'little' };
}

type Field = Awaited<ReturnType<GribValues['decode']>>;

function decoded(
  name: string,
  attributes: Attributes,
  shape: readonly number[],
  decode: DecodeValues,
): ToImport {
  return {
    ...{ name, attributes },
    space: { dtype: 'float32', shape, order: 'row', byteOrder: 'little' },
    async fill(into, done) {
      const { buffer, byteOffset, byteLength } = await decode();
      into.set(new Uint8Array(buffer, byteOffset, byteLength));
      done(into.length);
    },
  };
}

/** Null of a message that ecCodes does not decode: one more that is damaged. */
async function fieldOf(
  values: GribValues,
  message: Uint8Array,
  number: number,
  skipped: Skipped[],
): Promise<Field | null> {
  try {
    return await values.decode(message);
  } catch (error) {
    if (!(error instanceof AttaccaError) || error.code !== 'bad-grib-message') throw error;
    skipped.push({ name: `message ${number}`, why: error.message });
    return null;
  }
}

/** Messages by their place in the file, from 1, where damaged ones count too. */
function numbersOf(
  messages: readonly Message[],
  damaged: GribScan['damaged'],
): ReadonlyMap<number, Message> {
  const numbered = new Map<number, Message>();
  let before = 0;
  for (const [at, message] of messages.entries()) {
    while ((damaged[before]?.offset ?? Number.POSITIVE_INFINITY) < message.offset) before += 1;
    numbered.set(at + before + 1, message);
  }
  return numbered;
}

function wantedOf(
  numbered: ReadonlyMap<number, Message>,
  only: readonly string[] | undefined,
  path: string,
  broken: ReadonlyMap<number, Damage>,
): readonly number[] {
  if (only === undefined || only.length === 0) {
    return [...numbered.keys(), ...broken.keys()].sort((one, other) => one - other);
  }
  return only.map((text) => {
    const number = Number(text);
    if (/^\d+$/u.test(text) && numbered.has(number)) return number;
    const last = [...numbered.keys()].at(-1) ?? 0;
    const why = `"${path}" has no whole message "${text}"; the last one is ${last}`;
    return refuse('bad-argument', `Cannot import: ${why}`, { message: text });
  });
}
