import { EVENT_FLAG } from '../protocol/index.js';
import type { MAsked, MEvent, MFrom, MStanding, MSubscription, MTold } from './event-state.js';
import { MARKER } from './event-wants.js';
import { type MVersion, Refusal } from './oracle-state.js';

/** The model of standing requires: what they keep, until it is acknowledged. */

/** It is told of offers after them, of those that are there or of those that come. */
export function checkStanding(
  { kinds, isBefore, topics, latest }: MAsked,
  from: MFrom,
  hasQueue: (name: string) => boolean,
): void {
  const isOfOffers = kinds.every((kind) => kind === 'offer') && !isBefore;
  const isOfNow = from.kind === 'now' || from.kind === 'snapshot' || from.kind === 'last';
  const isOfOne = topics.length < 2 && (!latest || topics.length === 1);
  if (!isOfOffers || !isOfNow || !isOfOne) throw new Refusal('bad-argument');
  if (!topics.every(hasQueue)) throw new Refusal('unknown-definition');
}

export function pin(standing: MStanding, version: MVersion): void {
  standing.list.push(version);
  version.pins++;
}

/** All that one keeps. */
export function pinsOf({ standing, unacked }: MSubscription): MVersion[] {
  if (standing === null) return [];
  const given = [...unacked.values()].flatMap(({ place: { version } }) => version ?? []);
  return [...given, ...standing.list];
}

/** More is promised: one whose work was done goes on with who comes next. */
export function wantMore({ standing }: MSubscription): void {
  if (standing !== null && standing.doneAt !== null) standing.isWanted = true;
}

/** What has happened since its work was done, for one that goes on; null: it was at work. */
export function goOnWith(
  { standing }: MSubscription,
  log: readonly MEvent[],
): ReadonlySet<MEvent> | null {
  if (standing === null || !standing.isWanted) return null;
  const since = new Set(log.slice(standing.doneAt ?? 0));
  standing.doneAt = null;
  standing.isWanted = false;
  standing.step = null;
  return since;
}

interface Kept {
  readonly n: number;
  readonly version: MVersion;
  readonly flags: number;
  /** The event of its offer. */
  readonly offer: MEvent | undefined;
}

/** Whatever has become of its offer; of what was deleted, that it cannot be had. */
export function toldOfKept(
  { begun }: MStanding,
  { n, version, flags, offer }: Kept,
): Omit<MTold, 'one'> {
  const all = flags | (begun.has(version) ? EVENT_FLAG.snapshot : 0);
  const place = offer === undefined ? null : ({ event: offer, version: null } as const);
  const marker = { ...MARKER, n, place, flags: all } as const;
  if (version.isDeleted) return { ...marker, kind: 'lost', reason: 'object-deleted' };
  const { object, number, by } = version;
  const attributes = new Map([...version.attributes, ...object.tags]);
  return { ...marker, kind: 'offer', name: object.name, member: by, version: number, attributes };
}
