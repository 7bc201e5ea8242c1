import type { ErrorCode } from '../core/errors.js';
import type { Selector } from '../core/selector/ast.js';
import type { Value } from '../core/value.js';
import type { EventName } from '../protocol/index.js';
import type { Expected, MMember, MPromise, MSession, MVersion, Range } from './oracle-state.js';

/** What the model of events is made of. */

/** All objects whose events are followed: selectors of subscriptions ask for nothing else. */
export const EVENT_NAMES = ['e/1', 'e/2', 'e/3', 'e/4', 'e/q'] as const;

/** And what is offered step by step. */
export const STEP_NAMES = ['s/1', 's/2', 's/3', 's/4', 's/5', 's/6'] as const;

/** What is offered in groups, and depends on one another; the last two are groups. */
export const GROUP_NAMES = ['b/1', 'b/2', 'b/3', 'b/4', 'b/a', 'b/b'] as const;
export const DEPENDS_ON = '.depends-on';

/** What is offered when its bytes are in the store. */
export const STORE_NAMES = ['k/1', 'k/2', 'k/3', 'k/4'] as const;

/** Whether what happens to an object of that name is followed. */
export function isFollowed(name: string): boolean {
  return ['e/', 's/', 'b/', 'k/'].some((prefix) => name.startsWith(prefix));
}

/** Something that has happened, or is about to. */
export interface MEvent {
  readonly kind: EventName;
  readonly isBefore: boolean;
  /** Who did it; null for nobody, or somebody who is gone. */
  readonly member: MMember | null;
  readonly name: string;
  readonly topic: string;
  readonly version: number;
  /** With the tags over them. */
  readonly attributes: ReadonlyMap<string, Value>;
  /** The step queue that did it. */
  readonly queue?: string;
  /** Of what is about to happen: the version that ends by it; null: none does. */
  readonly ends?: MVersion | null;
  /** As the pool counts it, once somebody was told. */
  seq: number | null;
}

/** What a request is about to do, where somebody may be told before. */
export interface About {
  readonly handle?: number;
  readonly member?: number;
  /** Handles of what it offers as a group. */
  readonly group?: readonly number[];
  readonly name?: string;
  readonly topic?: string;
  /** It offers in the place of what is kept. */
  readonly replaces?: boolean;
  readonly attributes?: ReadonlyMap<string, Value>;
  /** What a selector finds is changed, and how it ends, of the codes of END. */
  readonly selector?: string;
  readonly how?: number;
  /** It offers these bytes when they are in the store. */
  readonly stored?: Range;
}

/** What was selected when others were asked of it: by their names which version each had. */
export type MSelected = ReadonlyMap<string, MVersion | null>;

/** What a subscription asks for. */
export interface MAsked {
  readonly name: string;
  readonly kinds: readonly EventName[];
  readonly topics: readonly string[];
  readonly text: string;
  readonly isBefore: boolean;
  readonly acknowledges: boolean;
  readonly own: boolean;
  readonly untilComplete: boolean;
  /** Of the member alone: it wants what there is when it comes. */
  readonly untilNow: boolean;
  readonly silence: 'allow' | 'deny';
  /** How long it may be silent; Infinity: for ever. */
  readonly deadlineMs: number;
  /** A standing require. */
  readonly requires: boolean;
  /** ... of the newest step of a queue. */
  readonly latest: boolean;
}

/** Where it begins; a number: with the event that the pool counts so, or behind it. */
export type MFrom =
  | { readonly kind: 'now' | 'start' | 'snapshot' | 'last' }
  | { readonly kind: 'seq'; readonly seq: number; readonly behind: boolean };

/** A member that takes deliveries. */
export interface MAttachment {
  readonly session: MSession;
  readonly member: MMember;
  readonly number: number;
  readonly window: number;
  /** The event behind all that there was when it came, if it wants no more; null: it does. */
  readonly until: number | null;
  inFlight: number;
}

/** An event, or what was offered when a subscription began. */
type Place =
  | { readonly event: MEvent; readonly version: null }
  | { readonly event: null; readonly version: MVersion }
  | { readonly event: null; readonly version: null; readonly missed: MMissed };

/** Steps that one was not given who wants the newest. */
export interface MMissed {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

export interface MDelivery {
  readonly n: number;
  readonly place: Place;
  /** Null: who had it is gone. */
  holder: MAttachment | null;
}

/** What a standing require has for its members, beside what they have not acknowledged. */
export interface MStanding {
  /** In the order of their offers. */
  list: MVersion[];
  /** What was offered when it began, or went on. */
  begun: ReadonlySet<MVersion>;
  /** One with a name whose work was done by this place of the log; null: it is at work. */
  doneAt: number | null;
  /** More was promised since. */
  isWanted: boolean;
  /** Of one who wants the newest: the step that it has. */
  step: number | null;
}

export interface MSubscription {
  readonly asked: MAsked;
  readonly selector: Selector;
  readonly attachments: MAttachment[];
  /** The event that is looked at next; null: it stands at the head. */
  next: number | null;
  n: number;
  /** Not acknowledged, by `n`. */
  readonly unacked: Map<number, MDelivery>;
  /** What was offered when it began, and was not told yet. */
  snapshot: Set<MVersion> | null;
  /** Null: it is told of events. */
  readonly standing: MStanding | null;
  readonly holds: Set<MEvent>;
  /** Promises that were closed when it began, before all that were not: may be of another run. */
  readonly doubted: ReadonlySet<MPromise>;
  /** The last `n` that was heard of. */
  heard: number;
}

/** What of an offer is written to the store, or is there. */
export interface MStore {
  /** Its name and version. */
  readonly key: string;
  readonly version: number;
  /** The number of the question to the agent; 0: it has not asked yet. */
  ask: number;
  isDone: boolean;
}

/** A request that is not applied yet. */
export interface MHeld {
  readonly session: MSession;
  readonly request: number;
  readonly operation: string;
  readonly about: About | null;
  readonly apply: () => Expected | null;
  readonly lanes: readonly string[];
  /** When it was asked for, among all that was held. */
  readonly order: number;
  /** Kinds of which all were told. */
  readonly passed: Set<EventName>;
  /** Of which version all were told that it ends. */
  ends: MVersion | null;
  /** Of what those were told who have to let it go, each of it; none: it is not its turn. */
  events: readonly MEvent[];
  readonly waitsFor: Map<MSubscription, number>;
  /** What a selector had found of which they were told; null: nothing. */
  selected: MSelected | null;
  /** Since when it is held. */
  since: number;
  /** When it is looked at who has been silent for too long; Infinity: never. */
  timer: number;
  /** Why it must not be. */
  refusal: ErrorCode | null;
  /** Its bytes are written to the store, or are there; null: it has not come to that. */
  store: MStore | null;
}

/** An EVENT that the pool must have said. */
export interface MTold {
  readonly one: MSubscription;
  readonly n: number;
  readonly kind: EventName;
  readonly flags: number;
  /** Null: a marker. */
  readonly place: Place | null;
  readonly member: string;
  readonly name: string;
  readonly topic: string;
  readonly version: number;
  readonly attributes: ReadonlyMap<string, Value>;
  /** Of the end. */
  readonly reason: string;
  readonly missed: MMissed | null;
}

/** An EVENT that the pool has said. */
export interface Said {
  readonly n: number;
  readonly seq: number;
  readonly kind: EventName;
  readonly flags: number;
  readonly member: string;
  readonly name: string;
  readonly topic: string;
  readonly version: number;
  readonly attributes: { readonly [key: string]: Value };
  readonly reason: string;
  readonly missed: MMissed | null;
}
