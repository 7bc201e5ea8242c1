import { createReadStream, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Document, LineCounter, Node } from 'yaml';
import { AttaccaError, type ErrorFields } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { parseSchema, type Schema } from '../core/schema/schema.js';
import { floatOf, integerOf } from '../core/selector/numbers.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import type { Value, ValueMap } from '../core/value.js';

/** The parser of YAML: 20 ms to load, so that only who reads a file waits for it. */
type Yaml = typeof import('yaml');

/** What comes with Attacca, in the folder `schemas` of the package. */
export const SHIPPED_SCHEMAS = ['core', 'ecmwf-mars'] as const;

export interface SchemaFileOptions {
  /** Another namespace than the file says; the schema then needs another `name`, too. */
  readonly namespace?: string;
  readonly name?: string;
}

/** Maps and lists of a document, around a value of an attribute that is as deep as it can be. */
const DEPTH_MAX = LIMITS.valueDepthMax + 3;

function badFile(file: string, why: string, more: ErrorFields = {}): never {
  const fields = { schema: '', path: '', file, ...more };
  throw new AttaccaError('bad-schema', `Cannot read the schema in "${file}": ${why}`, fields);
}

/** Where the parser speaks of itself. */
const WHYS: { readonly [code: string]: string } = {
  MULTIPLE_DOCS: 'a second document begins here',
  RESOURCE_EXHAUSTION: 'it is nested too deeply',
};

/** Makes a value of a document, within bounds: aliases can make much of little. */
class DocumentReader {
  readonly #yaml: Yaml;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #file: string;
  #count = 0;

  constructor(yaml: Yaml, text: string, file: string) {
    this.#yaml = yaml;
    this.#file = file;
    this.#lines = new yaml.LineCounter();
    this.#document = yaml.parseDocument(text, {
      ...{ schema: 'core', intAsBigInt: true, prettyErrors: false, logLevel: 'error' },
      // Looked for here, in linear time.
      uniqueKeys: false,
      lineCounter: this.#lines,
    });
    // What is only warned of is a tag that nobody knows.
    const [error] = [...this.#document.errors, ...this.#document.warnings];
    if (error !== undefined) this.#fail(WHYS[error.code] ?? error.message, error.pos[0]);
  }

  #at(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }

  #fail(why: string, offset: number): never {
    const { line, column } = this.#at(offset);
    return badFile(this.#file, `${why} (line ${line}, column ${column})`, { line, column });
  }

  read(): Value {
    return this.#valueOf(this.#document.contents, 0);
  }

  #valueOf(node: Node | null, depth: number): Value {
    const offset = node?.range?.[0] ?? 0;
    if (++this.#count > LIMITS.schemaValuesMax) {
      this.#fail(`it has more than ${LIMITS.schemaValuesMax} values`, offset);
    }
    if (depth > DEPTH_MAX) this.#fail(`it is nested more than ${DEPTH_MAX} deep`, offset);
    if (node === null) return null;
    if (this.#yaml.isAlias(node)) {
      const meant = node.resolve(this.#document);
      if (meant === undefined) this.#fail(`there is no "&${node.source}" before`, offset);
      return this.#valueOf(meant, depth + 1);
    }
    if (this.#yaml.isSeq<Node | null>(node)) {
      return node.items.map((item) => this.#valueOf(item, depth + 1));
    }
    if (this.#yaml.isMap<Node, Node | null>(node)) {
      const map: { [key: string]: Value } = Object.create(null);
      for (const { key, value } of node.items) {
        const at = key.range?.[0] ?? offset;
        const name = this.#yaml.isScalar(key) ? key.value : null;
        if (typeof name !== 'string') return this.#fail('a key is a text', at);
        if (Object.hasOwn(map, name)) this.#fail(`"${name}" stands here twice`, at);
        map[name] = this.#valueOf(value, depth + 1);
      }
      return map;
    }
    if (!this.#yaml.isScalar(node)) return this.#fail('it is no YAML that is known', offset);
    return this.#scalar(node.value, node.source ?? '', offset);
  }

  #scalar(value: unknown, source: string, offset: number): Value {
    if (typeof value === 'bigint') {
      return integerOf(value) ?? this.#fail('an integer has 64 bits', offset);
    }
    if (typeof value === 'number') return floatOf(value);
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if (value instanceof Uint8Array) return new Uint8Array(value);
    // A tag asked for a date.
    return source;
  }

  /** Where the value at a path of {@link parseSchema} stands, or what is nearest around it. */
  place(path: string): { line: number; column: number } {
    let node: unknown = this.#document.contents;
    for (const [, field, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/gu)) {
      if (this.#yaml.isAlias(node)) node = node.resolve(this.#document);
      const inner = this.#yaml.isCollection(node)
        ? node.get(index === undefined ? field : Number(index), true)
        : undefined;
      if (!this.#yaml.isNode(inner)) break;
      node = inner;
    }
    return this.#at(this.#yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0);
  }
}

/** The schema with the name and namespace that were asked for. */
function renamed(document: Value, { name, namespace }: SchemaFileOptions): Value {
  const isMap = typeof document === 'object' && document !== null && !Array.isArray(document);
  if (!isMap || (name === undefined && namespace === undefined)) return document;
  return {
    ...(document as ValueMap),
    ...(name === undefined ? {} : { 'schema-name': name }),
    ...(namespace === undefined ? {} : { 'schema-namespace': namespace }),
  };
}

/**
 * Reads a schema from YAML. `bad-schema` as {@link parseSchema} says, with `file`, `line` and
 * `column` besides, or of what is no YAML.
 */
export async function readSchema(
  text: string,
  file: string,
  options: SchemaFileOptions = {},
): Promise<Schema> {
  const yaml = await import('yaml');
  let reader: DocumentReader;
  try {
    reader = new DocumentReader(yaml, text, file);
  } catch (error) {
    // The parser goes down the nesting by recursion.
    if (error instanceof RangeError) return badFile(file, 'it is nested too deeply');
    throw error;
  }
  const document = renamed(reader.read(), options);
  try {
    return parseSchema(document);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    const { line, column } = reader.place(String(error.fields['path']));
    const message = `${error.message} (${file}, line ${line}, column ${column})`;
    const fields = { ...error.fields, file, line, column };
    throw new AttaccaError(error.code, message, fields, { cause: error });
  }
}

/** Bytes of a file, one more than the limit at most. */
async function readFile(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    // `end` is the last byte that is read.
    for await (const chunk of createReadStream(file, { end: LIMITS.schemaFileBytesMax })) {
      chunks.push(chunk);
    }
  } catch (error) {
    const system = systemCode(error);
    const text = `Cannot read "${file}": ${whyFailed(error)}`;
    throw new AttaccaError('file-error', text, { path: file, system }, { cause: error });
  }
  return Buffer.concat(chunks);
}

/** The file of a schema that comes with Attacca. From the library, the command, and the sources. */
function shippedFile(name: string): string {
  const places = ['../../', '../../../'].map((up) =>
    fileURLToPath(new URL(`${up}schemas/${name}.yaml`, import.meta.url)),
  );
  return places.find((place) => existsSync(place)) ?? places[0] ?? name;
}

const isShipped = (name: string): boolean => (SHIPPED_SCHEMAS as readonly string[]).includes(name);

/**
 * Loads a schema that comes with Attacca, by its name (`core`, `ecmwf-mars`), or any other by the
 * path of its file. Fails with `file-error`, or with `bad-schema` as {@link readSchema} does.
 *
 * With `namespace` and `name` it is another schema of the same keys. Those of MARS, as Maestro's
 * programs have them, are in the namespace `.maestro.ecmwf.`.
 */
export async function loadSchema(
  nameOrFile: string,
  options: SchemaFileOptions = {},
): Promise<Schema> {
  const file = isShipped(nameOrFile) ? shippedFile(nameOrFile) : nameOrFile;
  const bytes = await readFile(file);
  if (bytes.length > LIMITS.schemaFileBytesMax) {
    return badFile(file, `it has more than ${LIMITS.schemaFileBytesMax} bytes`);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return badFile(file, 'it is not UTF-8');
  }
  return await readSchema(text, file, options);
}
