import { basename, extname } from 'node:path';
import type { Attributes } from '../client/options.js';
import type { Pool } from '../client/pool.js';
import { throwIfAborted } from '../client/waiting.js';
import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { type Space, spaceBytes } from '../core/space.js';
import { FileSource } from '../formats/bytes.js';
import type { Dataset, Dimension } from '../formats/dataset.js';
import { dtypeOf } from './fitting.js';
import type { DatasetFormat } from './format.js';
import { formatNamed, formatOf } from './formats.js';
import { type FileHeader, mustBeHeader } from './header.js';
import { importMessages } from './import-messages.js';
import { isTooLong } from './names.js';
import {
  headerObject,
  type ImportedFile,
  type ImportOptions,
  offerAll,
  type ToImport,
} from './offering.js';
import { isOriginalKept, originalObject } from './original.js';
import { attributesOfFile } from './own-keys.js';

/**
 * Makes objects of the variables of a file, or of its messages, and one more that tells what the
 * file was. The pool keeps them. Elements are as the file has them: packed ones stay packed, byte
 * order and bits stay. When it fails what was offered until then is withdrawn; the object of the
 * file comes last, so where that is there all are. `replace` ends what was there when all of the
 * file has been read: there must be memory for both.
 *
 * Errors: `unknown-format`, `file-error`, those of the format, `already-offered`, those of offers.
 *
 * ```ts
 * const { objects } = await importFile(pool, 'eraint_uvz.nc');
 * const t = await pool.object('eraint_uvz/z').demand();
 * ```
 */
export async function importFile(
  pool: Pool,
  path: string,
  options: ImportOptions = {},
): Promise<ImportedFile> {
  const format = options.format === undefined ? formatOf(path) : formatNamed(options.format);
  const name = options.name ?? basename(path, extname(path));
  if (format.kind === 'messages') return await importMessages(pool, path, name, options);
  if (options.values === true) {
    const why = `"values" decodes messages of GRIB, and ${format.title} has none: leave it out`;
    refuse('bad-argument', `Cannot import "${path}": ${why}`, { path });
  }
  return await importDataset(pool, path, name, { ...options, of: format });
}

async function importDataset(
  pool: Pool,
  path: string,
  name: string,
  { of: format, ...options }: ImportOptions & { readonly of: DatasetFormat },
): Promise<ImportedFile> {
  await using source = await format.open(path);
  const { dataset, order } = source;
  const skipped = [...source.skipped];
  const isAlone = format.isOneArray === true;
  const wanted = wantedOf(dataset, options.only, path);
  const objects: (string | null)[] = dataset.variables.map(() => null);
  const all: ToImport[] = [];
  for (const place of wanted) {
    const variable = dataset.variables[place];
    if (variable === undefined) continue;
    const own = variable.dimensions.map((at) => dataset.dimensions[at] as Dimension);
    const space: Space = {
      ...{ dtype: dtypeOf(variable.type), shape: own.map(({ size }) => size) },
      ...{ order, byteOrder: variable.byteOrder },
    };
    const attributes: Attributes = {
      ...attributesOfFile(variable.attributes),
      ...(isAlone ? {} : { dims: own.map((each) => each.name), variable: variable.name }),
      ...(isAlone ? {} : { '.part-of': name }),
      ...{ file: basename(path), ...options.attributes },
    };
    const plain = isAlone ? name : `${name}/${variable.name}`;
    const object = options.nameOf?.(attributes) ?? plain;
    if (!isAlone && isTooLong(object)) {
      const why = `its object's name has more than ${LIMITS.nameCharactersMax} characters`;
      skipped.push({ name: variable.name, why });
      continue;
    }
    objects[place] = object;
    all.push({
      ...{ name: object, space, attributes },
      async fill(into, done) {
        const goOn = (): void => throwIfAborted(`import "${path}"`, options.signal);
        goOn();
        await source.readInto(place, into, (bytes) => {
          done(bytes);
          goOn();
        });
      },
    });
  }
  if (isAlone) return await offerAll(pool, all, { ...options, path, skipped, format: format.name });
  using file = format.isMadeAnew === true ? new FileSource(path) : null;
  const isAll = objects.every((each) => each !== null);
  const sizes = all.map(({ space }) => spaceBytes(space));
  const original =
    file !== null && isAll && (await isOriginalKept(pool, file.size, sizes, options.original))
      ? originalObject(name, file, [{ offset: 0, size: file.size, padding: 0 }], path, options)
      : null;
  const header: FileHeader = {
    ...{ kind: 'dataset', format: format.name, dataset, objects, layout: source.layout },
    ...(original === null ? {} : { original: original.name }),
  };
  mustBeHeader(header, path);
  const attributes = attributesOfFile(dataset.attributes);
  const telling = { original, header: headerObject(name, header, path, attributes, options) };
  return await offerAll(pool, all, { ...options, path, skipped, format: format.name, telling });
}

function wantedOf(
  { variables }: Dataset,
  only: readonly string[] | undefined,
  path: string,
): readonly number[] {
  const names = variables.map(({ name }) => name);
  if (only === undefined || only.length === 0) return names.map((_, place) => place);
  return only.map((each) => {
    const place = names.indexOf(each);
    if (place >= 0) return place;
    const why = `"${path}" has no variable "${each}", but ${names.join(', ')}`;
    return refuse('bad-argument', `Cannot import: ${why}`, { variable: each, known: names });
  });
}
