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
  return meant.length > 0 && meant.every(({ state }) => state === 'closed');
}

/** Unless what is promised cannot be what it asks for. */
function mayMeet({ asked, selector }: MSubscription, { by, pattern }: MPromise): boolean {
  const known = new Map([['name', pattern]]);
  // What is told of offers alone is told of those who have promised them.
  if (asked.kinds.every((kind) => kind === 'offer')) {
    known.set('.member', by).set('.component', by.replace(/\[\d+\]$/u, ''));
  }
  return possible(selector, known) !== false;
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
