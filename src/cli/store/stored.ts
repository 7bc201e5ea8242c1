import { formatBytes } from '../../core/format-bytes.js';
import { keysOf } from '../../core/selector/ast.js';
import { parseSelector } from '../../core/selector/parser.js';
import { objectTester } from '../../core/selector/selects.js';
import { nearest } from '../../core/suggest.js';
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
import { say } from '../output.js';
import { type Saying, selecting, unknownText } from '../where.js';

/** So many keys of a store are compared with one that nothing has. */
const KEYS_MAX = 1_024;

/**
 * What is in a store, or of it what is selected, in the order of names, pools and versions. Where
 * that is nothing, keys that no object has are said: likely mistyped.
 */
export async function storedObjects(
  directory: string,
  selector: string,
  options: Saying,
): Promise<LevelEntry[]> {
  return await selecting(selector, async () => {
    const parsed = parseSelector(selector);
    const isSelected = objectTester(parsed);
    const named = keysOf(parsed).flatMap((key) => (key.kind === 'name' ? [key.name] : []));
    const unknown = new Set(named);
    const known = new Set<string>();
    await using store = await openStore(directory, { access: 'read' });
    const wanted = store.list((entry) => {
      const own = keysOfEntry(entry);
      for (const key of unknown) if (key in own || key in entry.attributes) unknown.delete(key);
      for (const key of [...Object.keys(own), ...Object.keys(entry.attributes)]) {
        if (known.size < KEYS_MAX) known.add(key);
      }
      return isSelected({ own, attributes: entry.attributes });
    });
    const found: LevelEntry[] = [];
    for await (const entry of wanted) found.push(entry);
    if (found.length === 0 && known.size > 0) tellUnknown([...unknown], [...known], options);
    return found.sort(
      (one, other) =>
        compareBytes(one.name, other.name) ||
        compareBytes(one.pool, other.pool) ||
        one.version - other.version,
    );
  });
}

function tellUnknown(
  unknown: readonly string[],
  known: readonly string[],
  { json, quiet }: Saying,
): void {
  const told = unknown.map((key) => ({ key, meant: nearest(key, known)[0] ?? null }));
  if (quiet || told.length === 0) return;
  if (json) say(toJson({ unknownKeys: told }));
  else for (const { key, meant } of told) say(unknownText(key, meant ?? ''));
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
