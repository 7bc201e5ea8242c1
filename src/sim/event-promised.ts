import type { Selector } from '../core/selector/ast.js';
import type { MSubscription } from './event-state.js';
import type { MObject, MPromise } from './oracle-state.js';
import { isSelected } from './selected.js';

/** What is known of an object that somebody has promised by its name: values by their keys. */
type Known = ReadonlyMap<string, string>;

/**
 * Whether something that a subscription asks for was promised, and all of that is closed: by others
 * than those who take part, unless it is told of what they do.
 */
export function isPromisedOver(one: MSubscription, promises: Iterable<MPromise>): boolean {
  const { own } = one.asked;
  const names = new Set(one.attachments.map(({ member }) => member.name));
  const meant = [...promises].filter(
    (promise) => (own || !names.has(promise.by)) && mayMeet(one, promise),
  );
  const isSure = (promise: MPromise): boolean =>
    !one.doubted.has(promise) || one.n > 0 || meets(one, promise) === true;
  return meant.some(isSure) && meant.every(({ state }) => state === 'closed');
}

/** Promises before the first that is open and may be of what one asks for who begins. */
export function doubtedBy(
  one: Pick<MSubscription, 'asked' | 'selector'>,
  promises: readonly MPromise[],
): ReadonlySet<MPromise> {
  const first = promises.findIndex((each) => each.state !== 'closed' && mayMeet(one, each));
  return new Set(first === -1 ? promises : promises.slice(0, first));
}

/** Unless what is promised cannot be what it asks for. */
function mayMeet(one: Pick<MSubscription, 'asked' | 'selector'>, promise: MPromise): boolean {
  return meets(one, promise) !== false;
}

/** Whether what is promised is what it asks for; null: some of it, maybe. */
function meets(
  { asked, selector }: Pick<MSubscription, 'asked' | 'selector'>,
  { by, pattern }: MPromise,
): boolean | null {
  const known = new Map([['name', pattern]]);
  // What is told of offers alone is told of those who have promised them.
  if (asked.kinds.every((kind) => kind === 'offer')) {
    known.set('.member', by).set('.component', by.replace(/\[\d+\]$/u, ''));
  }
  return possible(selector, known);
}

/** Whether it is true whatever else is said of the object; null: that depends on it. */
function possible(selector: Selector, known: Known): boolean | null {
  switch (selector.kind) {
    case 'not': {
      const part = possible(selector.part, known);
      return part === null ? null : !part;
    }
    case 'and':
    case 'or': {
      const decisive = selector.kind === 'or';
      const parts = selector.parts.map((part) => possible(part, known));
      if (parts.includes(decisive)) return decisive;
      return parts.includes(null) ? null : !decisive;
    }
    case 'constant':
      return selector.value;
    default: {
      const { key } = selector;
      if (key.kind !== 'name' || !known.has(key.name)) return null;
      return isSelected(selector, objectOf(known));
    }
  }
}

function objectOf(known: Known): MObject {
  const tags = new Map(known);
  tags.delete('name');
  const name = known.get('name') ?? '';
  return { name, tags, handles: new Set(), current: null, versions: 0 };
}
