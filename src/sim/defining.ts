import type { Value } from '../core/value.js';
import { changes, expect, readSelector, selectedBy } from './finding.js';
import type { Oracle } from './oracle.js';
import { type Expected, type MMember, type MObject, Refusal } from './oracle-state.js';
import { textOf } from './values.js';

/** The key of the lists of collections that objects are in. */
export const COLLECTIONS = '.collections';

/** What GATHER does to each of the objects that are selected. */
interface Gathered {
  readonly by: MMember | null;
  readonly dry: boolean;
  readonly removes: boolean;
  readonly key: string;
  readonly value: Value;
}

/** GATHER: what is no list is refused, object by object. */
export function gather(oracle: Oracle, text: string, asked: Gathered): Expected {
  const { by, dry, removes, key, value } = asked;
  if (key === COLLECTIONS && !oracle.collections.has(String(value))) {
    throw new Refusal('unknown-definition');
  }
  const objects = selectedBy(oracle, readSelector(text));
  const refused: { readonly name: string; readonly code: string }[] = [];
  let unchanged = 0;
  for (const object of objects) {
    const { name, tags, current } = object;
    const said = current?.attributes.get(key);
    const list = tags.get(key) ?? said ?? [];
    if (!Array.isArray(list)) {
      refused.push({ name, code: 'bad-attribute' });
      continue;
    }
    const others = list.filter((each) => textOf(each) !== textOf(value));
    if (others.length < list.length !== removes) {
      unchanged++;
      continue;
    }
    const then = removes ? others : [...list, value];
    if (dry) continue;
    if (then.length === 0 && said === undefined)
      oracle.tag(name, { set: new Map(), removed: [key] }, by);
    else oracle.tag(name, { set: new Map([[key, then]]), removed: [] }, by);
  }
  return changes(objects, refused, unchanged);
}

/** DEFINE of a collection by a list; null: it is taken away, unless objects are in it. */
export function define(oracle: Oracle, name: string, definition: Value): Expected {
  const { collections } = oracle;
  if (definition !== null) collections.set(name, definition);
  else if (!collections.has(name)) throw new Refusal('unknown-definition');
  else if (objectsIn(oracle, name) > 0) throw new Refusal('definition-in-use');
  else collections.delete(name);
  return { kind: 'ok' };
}

/** DEFINITIONS of all collections, or of one. */
export function definitions(oracle: Oracle, name: string): Expected {
  const { collections } = oracle;
  if (name !== '' && !collections.has(name)) throw new Refusal('unknown-definition');
  const rows = [...collections]
    .filter(([each]) => name === '' || each === name)
    .map(([each, definition]) => ({
      ...{ name: each, definition, objects: objectsIn(oracle, each) },
    }));
  return expect('definitions', (found, faults) => {
    const told = found as unknown as readonly Value[];
    faults.same('what is defined', told.map(textOf).sort(), rows.map(textOf).sort());
  });
}

function objectsIn({ objects }: Oracle, collection: string): number {
  const isIn = ({ tags }: MObject): boolean => {
    const list = tags.get(COLLECTIONS);
    return Array.isArray(list) && list.includes(collection);
  };
  return [...objects.values()].filter(isIn).length;
}
