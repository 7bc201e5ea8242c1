import { assert } from '../core/assert.js';
import type { Reader } from '../core/bytes.js';
import type { Value } from '../core/value.js';
import { EXACT } from '../core/value-codec.js';
import { EVENT_FLAG, EVENT_NAMES, readEvent } from '../protocol/index.js';
import type { EventOracle } from './event-oracle.js';
import type { MAsked, MMissed, MSubscription, MTold, Said } from './event-state.js';
import type { GroupOracle } from './group-oracle.js';
import { textOf } from './values.js';
import { type EventRule, must, type Onlooker } from './violation.js';

/** Reads an EVENT. */
export function readSaid(r: Reader): { readonly subscription: number; readonly said: Said } {
  const { subscription, fields, ...event } = readEvent(r, EXACT);
  const { n, seq, flags, member, name, topic, version, attributes } = event;
  const kind = EVENT_NAMES[event.kind];
  assert(kind !== undefined, 'a kind that is read has a name');
  const { reason } = fields;
  const missed = missedIn(fields);
  const what = { n, seq, flags, member, name, topic, version, attributes, kind };
  return {
    subscription,
    said: { ...what, reason: typeof reason === 'string' ? reason : '', missed },
  };
}

/** Steps that were passed, if a marker tells of such. */
function missedIn(fields: { readonly [name: string]: Value }): MMissed | null {
  const { from, to, steps } = fields;
  if (typeof from !== 'number' || typeof to !== 'number' || typeof steps !== 'number') return null;
  return { from, to, steps };
}

/** What a subscriber was told, in a word. */
export function wordOf({ kind, flags }: Said): string {
  if ((flags & EVENT_FLAG.again) !== 0) return 'again';
  if ((flags & EVENT_FLAG.queue) !== 0) return 'by a queue';
  if ((flags & EVENT_FLAG.snapshot) !== 0) return 'of a snapshot';
  return (flags & EVENT_FLAG.before) !== 0 ? 'before' : kind;
}

/** What the pool has said in a batch of events, held against what it must have said. */
export class EventCheck {
  readonly #oracle: EventOracle;
  #said = new Map<string, Said[]>();
  /** When it is told what is ready, in this batch: more than once when it is tagged. */
  readonly #readyAt = new Map<string, Set<number>>();

  constructor(oracle: EventOracle, groups: GroupOracle) {
    this.#oracle = oracle;
    groups.seqsOf = (name, version) => this.#readyAt.get(`${name}/${version}`) ?? [];
    oracle.snapshotNext = (key, at) => {
      const said = this.#said.get(key)?.[at];
      return said === undefined || (said.flags & EVENT_FLAG.snapshot) === 0 ? null : said.name;
    };
  }

  /** What the pool has said in the batch that is about to be applied. */
  observe(session: number, r: Reader): void {
    const { subscription, said } = readSaid(r);
    const key = `${session}/${subscription}`;
    if (said.kind === 'ready') this.#observeReady(said);
    const list = this.#said.get(key) ?? [];
    list.push(said);
    this.#said.set(key, list);
  }

  #observeReady({ name, version, seq }: Said): void {
    const key = `${name}/${version}`;
    const seqs = this.#readyAt.get(key) ?? new Set();
    this.#readyAt.set(key, seqs.add(seq));
  }

  /** The batch is over: each has heard what it must, and no more. */
  endBatch(looksAt: (rule: Onlooker) => boolean): void {
    const { told, snapshotFaults } = this.#oracle;
    const said = this.#said;
    this.#said = new Map();
    const faults = snapshotFaults.splice(0);
    if (looksAt('G5 snapshot')) {
      must(faults.length === 0, 'G5 snapshot', () => faults.join());
    }
    if (looksAt('G5 n')) this.#checkNumbers(said);
    for (const key of new Set([...told.keys(), ...said.keys()])) {
      const asked = this.#oracle.askedBy.get(key);
      compare(key, told.get(key) ?? [], said.get(key) ?? [], { looksAt, asked });
    }
    told.clear();
    this.#readyAt.clear();
  }

  /** I7: the new deliveries of a subscription are numbered on. */
  #checkNumbers(said: ReadonlyMap<string, readonly Said[]>): void {
    const fresh = new Map<MSubscription, number[]>();
    for (const [key, told] of this.#oracle.told) {
      const [first] = told;
      if (first === undefined) continue;
      const numbers = (said.get(key) ?? []).filter(isFresh).map(({ n }) => n);
      fresh.set(first.one, [...(fresh.get(first.one) ?? []), ...numbers]);
    }
    for (const [one, numbers] of fresh) {
      for (const n of numbers.sort((left, right) => left - right)) {
        const words = (): string => `${wordsOf(one)} is told ${n} behind ${one.heard}`;
        must(n === one.heard + 1, 'G5 n', words);
        one.heard = n;
      }
    }
  }
}

/** Whether a delivery is new, and counted. */
function isFresh({ kind, flags }: Said): boolean {
  return (flags & EVENT_FLAG.again) === 0 && kind !== 'end' && kind !== 'cancelled';
}

function wordsOf({ asked }: MSubscription): string {
  const { name, kinds, text, isBefore } = asked;
  return `"${name}" (${isBefore ? 'before' : 'after'} ${kinds.join()} of ${text})`;
}

function compare(
  key: string,
  told: readonly MTold[],
  said: readonly Said[],
  { looksAt, asked }: { looksAt: (rule: Onlooker) => boolean; asked: MAsked | undefined },
): void {
  for (let at = 0; at < Math.max(told.length, said.length); at++) {
    const meant = told[at];
    const found = said[at];
    if (meant !== undefined && found !== undefined && isSame(meant, found)) continue;
    const rule = asked?.requires === true ? ruleOfKept(asked, meant, found) : ruleOf(meant, found);
    const by = (rest: typeof meant | typeof found): string =>
      rest === undefined ? 'nothing' : `${textOf(shown(rest))} as ${rest.n}`;
    const of = meant === undefined ? '' : ` ${wordsOf(meant.one)}`;
    const words = (): string => `${key}${of} is told ${by(found)}, not ${by(meant)}`;
    // What comes behind it is compared with something else.
    must(!looksAt(rule), rule, words);
    return;
  }
}

/** What a difference is about, of a standing require. */
function ruleOfKept({ topics }: MAsked, ...both: (MTold | Said | undefined)[]): EventRule {
  if (both.some((one) => one?.kind === 'end')) return 'G5 ends';
  return topics.length === 0 ? 'G5 stand' : 'G5 steps';
}

/** What a difference is about. */
function ruleOf(...both: readonly (MTold | Said | undefined)[]): EventRule {
  const isAny = (which: (one: MTold | Said) => boolean): boolean =>
    both.some((one) => one !== undefined && which(one));
  if (isAny(({ flags }) => (flags & EVENT_FLAG.queue) !== 0)) return 'G5 steps';
  if (isAny(({ kind }) => kind === 'end')) return 'G5 ends';
  if (isAny(({ kind }) => kind === 'cancelled')) return 'G5 holds';
  if (isAny(({ flags }) => (flags & EVENT_FLAG.again) !== 0)) return 'G5 again';
  if (isAny(({ flags }) => (flags & EVENT_FLAG.snapshot) !== 0)) return 'G5 snapshot';
  return 'G5 all';
}

function shown({
  kind,
  flags,
  member,
  name,
  topic,
  version,
  attributes,
  reason,
  missed,
}: MTold | Said): {
  readonly [field: string]: unknown;
} {
  const fields = attributes instanceof Map ? Object.fromEntries(attributes) : attributes;
  return { kind, flags, member, name, topic, version, reason, missed, attributes: fields };
}

/** One event has one `seq`, whoever is told of it. */
function isSame(meant: MTold, found: Said): boolean {
  if (textOf(shown(meant)) !== textOf(shown(found))) return false;
  if (meant.one.standing !== null && meant.n !== found.n) return false;
  const isAgain = (found.flags & EVENT_FLAG.again) !== 0 || found.kind === 'cancelled';
  if (isAgain && meant.n !== found.n) return false;
  const event = meant.place?.event;
  if (event === null || event === undefined) return true;
  event.seq ??= found.seq;
  return event.seq === found.seq;
}
