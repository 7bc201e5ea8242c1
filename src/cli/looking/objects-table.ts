import { formatBytes } from '../../core/format-bytes.js';
import type { Value, ValueMap } from '../../core/value.js';
import {
  type Column,
  formatMap,
  formatShape,
  formatTable,
  formatValue,
  printable,
  type Style,
  textOf,
} from '../format.js';

const COLUMNS: readonly Column[] = [
  { head: 'NAME' },
  { head: 'STATE' },
  { head: 'VERSION', right: true },
  { head: 'BYTES', right: true },
  { head: 'DTYPE' },
  { head: 'SHAPE' },
  { head: 'SCOPE' },
  { head: 'PROVIDER' },
];

/** A table of what STAT says of objects. */
export function objectsTable(
  rows: readonly ValueMap[],
  { attributes }: { readonly attributes: boolean },
  style: Style,
): string {
  const columns = attributes ? [...COLUMNS, { head: 'ATTRIBUTES' }, { head: 'TAGS' }] : COLUMNS;
  return formatTable(
    columns,
    rows.map((row) => cells(row, attributes)),
    style,
  );
}

function cells(row: ValueMap, attributes: boolean): string[] {
  const bytes: Value | undefined = row['bytes'];
  return [
    printable(textOf(row['name'])),
    textOf(row['state']),
    formatValue(row['version']),
    typeof bytes === 'number' ? formatBytes(bytes) : '-',
    formatValue(row['dtype']),
    formatShape(row['shape']),
    formatValue(row['scope']),
    formatValue(row['provider']),
    ...(attributes ? [formatMap(row['attributes']), formatMap(row['tags'])] : []),
  ];
}

/** The order in which objects are listed. */
export function compareNames(one: ValueMap, other: ValueMap): number {
  return compareBytes(textOf(one['name']), textOf(other['name']));
}

/** The order of UTF-8 bytes, which is that of code points; that of UTF-16 differs. */
export function compareBytes(one: string, other: string): number {
  if (one === other) return 0;
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    if (one.charCodeAt(at) === other.charCodeAt(at)) continue;
    return Buffer.compare(Buffer.from(one), Buffer.from(other));
  }
  return one.length - other.length;
}
