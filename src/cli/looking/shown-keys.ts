import { Float, type Value, type ValueMap } from '../../core/value.js';
import { UsageError } from '../exit.js';
import { type Column, formatValue, listOf, mapOf, printable, textOf } from '../format.js';

/** Keys of what the pool tells by itself (spec/protocol.md 7.5), and where STAT has them. */
const TOLD: { readonly [key: string]: (stat: ValueMap) => Value | undefined } = {
  '.state': (stat) => stat['state'],
  '.versions': (stat) => stat['versions'],
  '.version': (stat) => stat['version'],
  '.bytes': (stat) => stat['bytes'],
  '.dtype': (stat) => stat['dtype'],
  '.shape': (stat) => stat['shape'],
  '.ndim': (stat) => (Array.isArray(stat['shape']) ? listOf(stat['shape']).length : undefined),
  '.order': (stat) => stat['order'],
  '.byteOrder': (stat) => stat['byteOrder'],
  '.scope': (stat) => stat['scope'],
  '.level': (stat) => stat['level'],
  '.durability': (stat) => stat['durability'],
  '.parts': (stat) => stat['parts'],
  '.missing': (stat) => stat['missing'],
  '.provider': (stat) => stat['provider'],
  '.time': (stat) => stat['time'],
  '.stats': (stat) => mapOf(stat['statistics'])['state'],
  ...Object.fromEntries(
    ['count', 'min', 'max', 'mean', 'nan', 'fill', 'infinite'].map((key) => [
      `stats.${key}`,
      (stat: ValueMap) => mapOf(stat['statistics'])[key],
    ]),
  ),
  '.component': (stat) => textOf(stat['provider']).replace(/\[\d+\]$/u, '') || undefined,
};

/** The keys that a table or JSON shows of each object, as `--show` lists them. */
export class ShownKeys {
  readonly #keys: readonly string[];
  readonly detail: 'attributes' | 'all';

  /** `step,param`, once or several times. The name is shown without being named. */
  constructor(texts: readonly string[]) {
    const keys = texts.flatMap((text) => text.split(',').map((key) => key.trim()));
    if (keys.includes('')) throw new UsageError('"--show" needs KEYs, with a comma in between');
    this.#keys = [...new Set(keys)].filter((key) => key !== 'name');
    // STAT is more work for the pool, and has the attributes too.
    this.detail = this.#keys.some((key) => Object.hasOwn(TOLD, key)) ? 'all' : 'attributes';
  }

  /** Columns; what begins with numbers stands to the right. */
  columns(rows: readonly ValueMap[]): Column[] {
    const columns = this.#keys.map((key) => {
      const first = rows.map((row) => this.#of(row, key)).find((value) => value !== undefined);
      return { head: printable(key), right: isNumber(first) };
    });
    return [{ head: 'NAME' }, ...columns];
  }

  cells(row: ValueMap): string[] {
    return [
      printable(textOf(row['name'])),
      ...this.#keys.map((key) => formatValue(this.#of(row, key))),
    ];
  }

  /** Flat, for other programs: `{"name":"t/1","step":6}`; null for what an object has not. */
  json(row: ValueMap): ValueMap {
    const values = this.#keys.map((key) => [key, this.#of(row, key) ?? null] as const);
    return { name: row['name'] ?? '', ...Object.fromEntries(values) };
  }

  /** A tag hides the attribute of the same key. */
  #of(row: ValueMap, key: string): Value | undefined {
    const told = Object.hasOwn(TOLD, key) ? TOLD[key] : undefined;
    if (told !== undefined) return told(row) ?? undefined;
    const tags = mapOf(row['tags']);
    if (Object.hasOwn(tags, key)) return tags[key];
    const attributes = mapOf(row['attributes']);
    return Object.hasOwn(attributes, key) ? attributes[key] : undefined;
  }
}

function isNumber(value: Value | undefined): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Float;
}
