import type { MAsked, MAttachment, MEvent, MSubscription } from './event-state.js';
import type { MObject, MVersion } from './oracle-state.js';
import { attributesOf, isSelected } from './selected.js';

/** What most of what is told says nothing of. */
export const NO_MORE = { reason: '', missed: null } as const;
/** What is no event, but about them. */
export const MARKER = {
  ...{ flags: 0, place: null, member: '', name: '', topic: '', version: 0 },
  ...NO_MORE,
  attributes: new Map(),
} as const;

/** Who takes the next delivery: the first of those with most room. */
export function takerOf({ attachments }: MSubscription): MAttachment | null {
  const room = ({ window, inFlight }: MAttachment): number => window - inFlight;
  const most = Math.max(0, ...attachments.map(room));
  return most === 0 ? null : (attachments.find((each) => room(each) === most) ?? null);
}

export function wants(one: MSubscription, event: MEvent): boolean {
  const { asked, attachments } = one;
  if (!asked.kinds.includes(event.kind) || asked.isBefore !== event.isBefore) return false;
  const isOfTopic = asked.topics.length === 0 || asked.topics.includes(event.topic);
  if (event.kind === 'emit' && !isOfTopic) return false;
  const isOwn = attachments.some(({ member }) => member === event.member);
  if (isOwn && !asked.own) return false;
  const { name, kind, topic, member } = event;
  const tags = new Map([...event.attributes, ['.event', topic === '' ? kind : topic] as const]);
  tags.set('.member', event.queue ?? member?.name ?? '');
  return isSelected(one.selector, shown(name, tags));
}

export function wantsVersion(one: MSubscription, { object, member, by }: MVersion): boolean {
  const { kinds, own } = one.asked;
  if (!kinds.includes('offer')) return false;
  if (!own && one.attachments.some((each) => each.member === member)) return false;
  const tags = attributesOf(object).set('.event', 'offer').set('.member', by);
  return isSelected(one.selector, shown(object.name, tags));
}

/** What a selector is asked of: all that is told are attributes of it. */
export function shown(name: string, tags: MObject['tags']): MObject {
  return { name, tags, handles: new Set(), current: null, versions: 0 };
}

export function isSame(known: MAsked, asked: MAsked): boolean {
  const wordsOf = ({ kinds, topics, text, ...flags }: MAsked): string => {
    const { isBefore, acknowledges, own, untilComplete, requires, latest } = flags;
    const all = { isBefore, acknowledges, own, untilComplete, requires, latest };
    return JSON.stringify([[...kinds].sort(), topics, text, all]);
  };
  return wordsOf(known) === wordsOf(asked);
}
