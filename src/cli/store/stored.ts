import { formatBytes } from '../../core/format-bytes.js';
import { parseSelector } from '../../core/selector/parser.js';
import { objectTester } from '../../core/selector/selects.js';
import { keysOfEntry } from '../../levels/entry-keys.js';
import type { LevelEntry } from '../../levels/level.js';
import { openStore } from '../../levels/store/index.js';
import {
  type Column,
  formatMap,
  formatShape,
  formatTable,
  printable,
  type Style,
} from '../format.js';
import { toJson } from '../json.js';
import { compareBytes } from '../looking/objects-table.js';
import { selecting } from '../where.js';

/** What is in a store, or of it what is selected, in the order of names, pools and versions. */
export async function storedObjects(directory: string, selector: string): Promise<LevelEntry[]> {
  return await selecting(selector, async () => {
    const isSelected = objectTester(parseSelector(selector));
    await using store = await openStore(directory, { access: 'read' });
    const wanted = store.list((entry) =>
      isSelected({ own: keysOfEntry(entry), attributes: entry.attributes }),
    );
    const found: LevelEntry[] = [];
    for await (const entry of wanted) found.push(entry);
    return found.sort(
      (one, other) =>
        compareBytes(one.name, other.name) ||
        compareBytes(one.pool, other.pool) ||
        one.version - other.version,
    );
  });
}

const COLUMNS: readonly Column[] = [
  { head: 'NAME' },
  { head: 'VERSION', right: true },
  { head: 'BYTES', right: true },
  { head: 'DTYPE' },
  { head: 'SHAPE' },
  { head: 'POOL' },
];

export function storedTable(
  entries: readonly LevelEntry[],
  { attributes }: { readonly attributes: boolean },
  style: Style,
): string {
  const columns = attributes ? [...COLUMNS, { head: 'ATTRIBUTES' }] : COLUMNS;
  const cells = entries.map(({ name, version, size, space, pool, attributes: all }) => [
    ...[printable(name), String(version), formatBytes(size), printable(space.dtype)],
    ...[formatShape(space.shape), printable(pool)],
    ...(attributes ? [formatMap(all)] : []),
  ]);
  return formatTable(columns, cells, style);
}

export function storedJson({ pool, name, version, size, space, attributes }: LevelEntry): string {
  return toJson({ name, version, bytes: size, ...space, attributes, pool });
}
