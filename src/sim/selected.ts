import { unreachable } from '../core/assert.js';
import type { Condition, Selector, SelectorItem, SelectorKey } from '../core/selector/ast.js';
import type { Value } from '../core/value.js';
import type { Dtype, MObject, MVersion, Payload } from './oracle-state.js';
import { areEqual, orderOf } from './values.js';

/** What selectors mean, by brute force: docs/selectors.md said once more, as plainly as can be. */

/** The moment at which a pool of the simulator begins, in ms of the wall clock. */
export const WALL_MS = 1_700_000_000_000;

/** Whether an object is selected now. */
export function isSelected(selector: Selector, object: MObject): boolean {
  switch (selector.kind) {
    case 'constant':
      return selector.value;
    case 'and':
      return selector.parts.every((part) => isSelected(part, object));
    case 'or':
      return selector.parts.some((part) => isSelected(part, object));
    case 'not':
      return !isSelected(selector.part, object);
    case 'has':
      return valuesOf(selector.key, object).length > 0;
    case 'test': {
      const { condition, quantifier } = selector;
      return valuesOf(selector.key, object).some((value) => {
        if (quantifier === null) return satisfies(value, condition);
        if (!Array.isArray(value)) return false;
        if (quantifier === 'any') return value.some((each) => satisfies(each, condition));
        return value.every((each) => satisfies(each, condition));
      });
    }
    default:
      return unreachable(selector);
  }
}

/** What an object has by a key of the pool's own, an attribute or a tag. */
export function valueBy(object: MObject, key: string): Value | undefined {
  return OWN.has(key) ? ownOf(object, key) : attributesOf(object).get(key);
}

/** The attributes of the version that is offered, with the tags over them. */
export function attributesOf({ current, tags }: MObject): Map<string, Value> {
  return new Map([...(current?.attributes ?? []), ...tags]);
}

/** Whether an object is offered; if not, whether somebody waits for it. */
export function stateOf({ current, handles }: MObject): string {
  if (current !== null) {
    if (current.open !== null) return 'open';
    const isPartial = current.parts !== null && placesOf(current).size < current.length;
    return isPartial ? 'partial' : 'offered';
  }
  const waits = [...handles].some((each) => each.state === 'required' && each.version === null);
  return waits ? 'required' : 'declared';
}

export const ITEM_BYTES: Record<Dtype, number> = { uint8: 1, int16: 2 };

/** The elements that the parts of a version have. */
export function placesOf(version: MVersion | null): Set<number> {
  return new Set((version?.parts ?? []).flatMap(({ places }) => places));
}

/** Whether nobody has said yet how many elements it will have. */
export function isGrowing({ length }: MVersion): boolean {
  return length === Number.POSITIVE_INFINITY;
}

/** All that the bytes of a version are in. */
export function payloadsOf({ parts, payload }: MVersion): readonly Payload[] {
  if (parts === null) return [payload];
  return parts.filter(({ freed }) => !freed).map((part) => part.payload);
}

/** Elements that it has, or has by now. */
export function lengthOf(version: MVersion): number {
  return isGrowing(version) ? placesOf(version).size : version.length;
}

export function sizeOf(version: MVersion): number {
  const { parts, payload, dtype } = version;
  if (parts !== null) return lengthOf(version) * ITEM_BYTES[dtype];
  return payload.kind === 'nothing' ? 0 : payload.size;
}

/** Where its bytes are. */
export function levelOf(version: MVersion): string {
  const payloads = payloadsOf(version).filter(
    (payload) => version.parts === null || (payload.kind !== 'nothing' && payload.size > 0),
  );
  if (payloads.some(({ kind }) => kind === 'slice')) return 'memory';
  return payloads.some(({ kind }) => kind === 'inline') ? 'manager' : 'none';
}

/** What its bytes survive. */
export function durabilityOf(version: MVersion): string {
  const { isStored, survives } = version;
  if (isStored) return 'fsync';
  return levelOf(version) === 'memory' ? survives.slab : survives.other;
}

const OWN: ReadonlySet<string> = new Set([
  ...['name', '.maestro.core.cdo.name', '.state', '.versions', '.version', '.bytes', '.dtype'],
  ...['.shape', '.ndim', '.order', '.byteOrder', '.scope', '.level', '.durability'],
  ...['.provider', '.component', '.time'],
]);

function ownOf(object: MObject, key: string): Value | undefined {
  const { current, name, versions } = object;
  if (key === 'name' || key === '.maestro.core.cdo.name') return name;
  if (key === '.state') return stateOf(object);
  if (key === '.versions') return versions;
  if (current === null) return undefined;
  switch (key) {
    case '.version':
      return current.number;
    case '.bytes':
      return sizeOf(current);
    case '.dtype':
      return current.dtype;
    case '.shape':
      return [isGrowing(current) ? null : current.length];
    case '.ndim':
      return 1;
    case '.order':
      return 'row';
    case '.byteOrder':
      return 'little';
    case '.scope':
      return current.scope;
    case '.level':
      return levelOf(current);
    case '.durability':
      return durabilityOf(current);
    case '.provider':
      return current.by;
    case '.component':
      return current.by.split('[')[0];
    default:
      return current.at;
  }
}

/** The values of the keys that are meant. Patterns mean attributes and tags only. */
function valuesOf(key: SelectorKey, object: MObject): Value[] {
  if (key.kind === 'name') {
    const value = valueBy(object, key.name);
    return value === undefined ? [] : [value];
  }
  return [...attributesOf(object)]
    .filter(([name]) => matches(key.kind, key.pattern, name))
    .map(([, value]) => value);
}

function satisfies(value: Value, condition: Condition): boolean {
  switch (condition.kind) {
    case 'compare': {
      const { operator, value: other } = condition;
      if (operator === '=') return areEqual(value, other);
      if (operator === '!=') return !areEqual(value, other);
      const order = orderOf(value, other);
      if (order === null) return false;
      if (operator === '<') return order < 0;
      if (operator === '<=') return order <= 0;
      return operator === '>' ? order > 0 : order >= 0;
    }
    case 'in':
      return condition.items.some((item) => isWithin(value, item));
    case 'prefix':
      return typeof value === 'string' && value.startsWith(condition.text);
    case 'suffix':
      return typeof value === 'string' && value.endsWith(condition.text);
    case 'infix':
      return typeof value === 'string' && value.includes(condition.text);
    default:
      return typeof value === 'string' && matches(condition.kind, condition.text, value);
  }
}

function isWithin(value: Value, item: SelectorItem): boolean {
  if (item.kind === 'value') return areEqual(value, item.value);
  const { low, high } = item;
  const lowest = low === null ? 0 : orderOf(value, low);
  const highest = high === null ? 0 : orderOf(value, high);
  return lowest !== null && highest !== null && lowest >= 0 && highest <= 0;
}

/** The few globs and regular expressions that the simulator uses mean the same in JavaScript. */
export function matches(kind: 'glob' | 'regex', pattern: string, text: string): boolean {
  if (kind === 'regex') return new RegExp(pattern, 'u').test(text);
  const source = pattern.replaceAll('*', '.*').replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'u').test(text);
}
