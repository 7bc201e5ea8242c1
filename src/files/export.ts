import { type FileHandle, open } from 'node:fs/promises';
import type { WaitOptions } from '../client/options.js';
import type { Pool } from '../client/pool.js';
import type { Delivered } from '../client/received.js';
import { unlessAborted } from '../client/waiting.js';
import { refuse } from '../core/assert.js';
import { itemSizeOf } from '../core/space.js';
import { shapeOf, type Variable } from '../formats/dataset.js';
import { DAMAGED } from './damaged.js';
import { dtypeOf } from './fitting.js';
import type { DatasetFormat, Format } from './format.js';
import { formatByName, formatNamed } from './formats.js';
import type { FileHeader } from './header.js';
import { Objects } from './objects.js';
import { bytesIn, isOfFields, isOfObjects, wroteOriginal } from './original.js';
import { type Plan, planned, refuseWithOthers } from './planning.js';
import { whole } from './whole-file.js';
import { writeElements } from './writing.js';

export interface ExportOptions extends WaitOptions {
  /** Left out: told by the name of the file, or what it was when it was imported. */
  readonly format?: string | undefined;
  /** Whether coordinates that are objects come along; left out: they do. */
  readonly coords?: boolean | undefined;
  /** Hears which object is waited for; null: none. */
  readonly onWaiting?: ((name: string | null) => void) | undefined;
  /** Hears how many bytes are to be written (0: nobody knows), and then of each piece that is. */
  readonly onBytes?: ((bytes: number, expected: number) => void) | undefined;
}

export interface ExportedFile {
  readonly path: string;
  readonly format: string;
  readonly objects: readonly string[];
  /** Whether it was made by what the object of a file tells. */
  readonly asImported: boolean;
  /**
   * Whether it has the bytes of the file that was imported, which were kept: false when these are
   * gone, or the objects something else by now, and it was made anew; null where none were kept.
   */
  readonly original: boolean | null;
}

/**
 * Writes objects into a file: that of an imported file, which gives the file as it was (in its own
 * format: NetCDF-3 and GRIB byte for byte), or any others, each of which is a variable. Waits for
 * those that are not there. Coordinates of those others come along, where they are objects and are
 * there. The file is made under another name and renamed when it is whole.
 *
 * Errors: `unknown-format`, `bad-space` for elements that the format does not have,
 * `bad-file-header`, `disk-full`, `file-error`, those of demands.
 *
 * ```ts
 * await exportFile(pool, ['eraint_uvz'], 'again.nc');
 * await exportFile(pool, ['t/850', 'u/850'], 'both.zarr');
 * ```
 */
export async function exportFile(
  pool: Pool,
  names: readonly string[],
  path: string,
  options: ExportOptions = {},
): Promise<ExportedFile> {
  const [first, ...more] = names;
  if (first === undefined) refuse('bad-argument', 'Cannot export nothing: name objects');
  const asked = options.format === undefined ? null : formatNamed(options.format);
  const objects = new Objects(pool, options);
  const header = await objects.header(first);
  if (header !== null && more.length > 0) refuseWithOthers(first);
  const format = asked ?? formatFor(path, header);
  const asImported = header !== null;
  if (format.kind === 'messages') {
    let written: readonly string[] = [];
    await whole(path, format, async (draft) => {
      written = await exportMessages(objects, header, names, draft, options);
    });
    const original = header?.kind === 'fields' ? true : null;
    return { path, format: format.name, objects: written, asImported, original };
  }
  const plan = await planOf(objects, header, names, format, options);
  let original: boolean | null = null;
  await whole(path, format, async (draft) => {
    original = await gaveOriginal(objects, header, format, draft, options);
    if (original !== true) await writeDataset(objects, plan, format, draft, options);
  });
  return { path, format: format.name, objects: plan.objects, asImported, original };
}

/** Writes the file as it was, if its bytes are kept (else null) and it is that still. */
async function gaveOriginal(
  objects: Objects,
  header: FileHeader | null,
  format: DatasetFormat,
  draft: string,
  options: ExportOptions,
): Promise<boolean | null> {
  if (header?.kind !== 'dataset' || header.format !== format.name) return null;
  return await wroteOriginal(objects, header, draft, () =>
    isOfObjects(objects, header, format, draft, options),
  );
}

/** GRIB: messages as they are, or those that were decoded, if they are kept. */
async function exportMessages(
  objects: Objects,
  header: FileHeader | null,
  names: readonly string[],
  draft: string,
  options: ExportOptions,
): Promise<readonly string[]> {
  if (header?.kind !== 'fields') {
    const messages =
      header === null ? names.map((object) => ({ object, padding: 0 })) : messagesOf(header);
    await writeMessages(objects, messages, draft, options);
    return messages.map(({ object }) => object);
  }
  const isSame = (bytes: Uint8Array) => isOfFields(objects, header, bytes, options);
  if (await wroteOriginal(objects, header, draft, isSame)) return header.fields;
  const why = 'its messages were decoded, and are not kept or say something else by now';
  const [name = ''] = names;
  return refuse('bad-argument', `Cannot write "${name}" as GRIB: ${why}`, { name });
}

async function planOf(
  objects: Objects,
  header: FileHeader | null,
  names: readonly string[],
  format: DatasetFormat,
  options: ExportOptions,
): Promise<Plan> {
  const hasCoords = options.coords !== false && format.isOneArray !== true;
  if (header === null) return await planned(objects, names, hasCoords);
  return header.kind === 'fields'
    ? await planned(objects, [...header.coords, ...header.fields], false)
    : ofHeader(header, format);
}

function formatFor(path: string, header: FileHeader | null): Format {
  if (header === null) return formatByName(path);
  const own = formatNamed(header.format);
  // `.nc` is what both kinds of NetCDF are called.
  const isOwn = own.extensions.some((each) => path.toLowerCase().endsWith(each));
  const isNetcdf = own.name === 'hdf5' && path.toLowerCase().endsWith('.nc');
  return isOwn || isNetcdf ? own : formatByName(path);
}

function messagesOf(header: FileHeader) {
  if (header.kind === 'messages') return header.messages;
  return refuse('bad-argument', 'Cannot write GRIB: variables are no messages of it');
}

function ofHeader(header: Exclude<FileHeader, { kind: 'fields' }>, format: DatasetFormat): Plan {
  if (header.kind === 'messages') {
    refuse('bad-argument', `Cannot write GRIB messages as ${format.title}: import their values`);
  }
  const { dataset, objects, layout } = header;
  const isWhole = objects.every((each) => each !== null);
  const variables = dataset.variables.filter((_, at) => objects[at] !== null);
  return {
    dataset: { ...dataset, variables },
    objects: objects.filter((each) => each !== null),
    layout: isWhole && header.format === format.name ? layout : null,
    isOfFile: true,
  };
}

async function writeDataset(
  objects: Objects,
  plan: Plan,
  format: DatasetFormat,
  draft: string,
  options: ExportOptions,
): Promise<void> {
  const dataset = format.fit(plan.dataset);
  const what = `export "${draft}"`;
  const expected = bytesIn(dataset);
  options.onBytes?.(0, expected);
  await using target = await format.create(draft, dataset, plan.layout);
  const order = target.order ?? 'row';
  for (const [place, { type, byteOrder }] of dataset.variables.entries()) {
    const name = plan.objects[place] as string;
    const isOrdered = itemSizeOf(dtypeOf(type)) > 1;
    await using delivered = await objects.demand(name, {
      order,
      ...(isOrdered ? { byteOrder } : {}),
    });
    mustBe(plan, place, delivered);
    const { shape } = delivered.space;
    await writeElements(
      target,
      place,
      { name, shape, bytes: delivered.unsafeBytes() },
      {
        signal: options.signal,
        onBytes: (bytes) => options.onBytes?.(bytes, expected),
      },
    );
  }
  await unlessAborted(target.close(), what, options);
}

/** An object that was made anew need not be what the file had. */
function mustBe({ dataset, objects, isOfFile }: Plan, place: number, { space }: Delivered): void {
  const variable = dataset.variables[place] as Variable;
  const sizes = shapeOf(dataset, place);
  const isIt = space.dtype === dtypeOf(variable.type) && space.shape.join() === sizes.join();
  if (isIt) return;
  const why = isOfFile ? 'the file that was imported had' : 'it had a moment ago';
  const expected = `${dtypeOf(variable.type)} [${sizes.join(', ')}]`;
  const found = `${space.dtype} [${space.shape.join(', ')}]`;
  const name = objects[place] as string;
  const message = `Cannot export "${name}": it is ${found}; ${why} ${expected}`;
  refuse('bad-space', message, { name, expected, found });
}

async function writeMessages(
  objects: Objects,
  messages: readonly { readonly object: string; readonly padding: number }[],
  draft: string,
  options: ExportOptions,
): Promise<void> {
  await using file = await open(draft, 'wx');
  let at = 0;
  for (const { object, padding } of messages) {
    await using delivered = await objects.demand(object);
    const bytes = delivered.unsafeBytes();
    const isMessage = Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'GRIB';
    // What was damaged goes out as it came.
    if (!isMessage && delivered.attributes[DAMAGED] === undefined) {
      refuse('bad-space', `Cannot export "${object}": it is no GRIB message`, { name: object });
    }
    await writeAt(file, bytes, at);
    // What lies between two writes is zero.
    at += bytes.length + padding;
    options.onBytes?.(bytes.length, 0);
  }
  await file.truncate(at);
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.length - done;
    const { bytesWritten } = await file.write(bytes, done, rest, at + done);
    done += bytesWritten;
  }
}
