import { MEMBER_NONE } from '../protocol/index.js';
import * as appending from './append-requests.js';
import { Asking, type AskingOptions, type Client, NAMES } from './asking.js';
import * as defining from './defining-requests.js';
import type { Dice, ownDice } from './dice.js';
import { clear as clearEvents } from './event-objects.js';
import * as conducting from './event-requests.js';
import * as grouping from './group-requests.js';
import * as handles from './handle-requests.js';
import * as meeting from './meeting-requests.js';
import * as memory from './memory-requests.js';
import * as objects from './object-requests.js';
import * as opening from './open-requests.js';
import * as parts from './part-requests.js';
import * as selecting from './select-requests.js';
import { KEYS } from './selectors.js';
import * as sessions from './session-requests.js';
import * as stepping from './step-requests.js';
import * as storing from './storing-requests.js';

/** What a client has at most. */
const MEMBERS_MAX = 4;
const HANDLES_MAX = 16;
const PROMISES_MAX = 4;
const EXTENTS_MAX = 6;
/** What is written to open objects is marked from here on. */
const OPENING_MARKS = 0x4000_0000;
/** And what is appended, from here on. */
const GROWING_MARKS = 0x2000_0000;
/** What is stored, from here on. */
const STORING_MARKS = 0x6000_0000;
/** Requests without an answer, beyond which a client only asks whether there is anybody. */
const OPEN_MAX = 60;

/** How often each operation comes, of the sum of all; a seed makes some of them ten times that. */
export const OPERATIONS = {
  key: 1,
  join: 4,
  leave: 1,
  end: 1,
  ping: 2,
  cancel: 5,
  declare: 24,
  set: 3,
  seal: 2,
  offer: 20,
  'offer-part': 10,
  region: 4,
  withdraw: 10,
  require: 14,
  demand: 22,
  retract: 6,
  dispose: 12,
  delete: 4,
  tag: 6,
  'tag-selected': 3,
  'end-selected': 2,
  promise: 4,
  close: 3,
  unkeep: 3,
  lease: 10,
  return: 3,
  adopt: 1,
  stat: 2,
  query: 8,
  'go-on': 6,
  count: 3,
  facets: 4,
  sort: 4,
  members: 1,
  explain: 1,
  info: 1,
} as const;
export type Operation = keyof typeof OPERATIONS;

const ASK: Readonly<Record<Operation, (asking: Asking, client: Client) => void>> = {
  key: (asking, client) => sessions.key(asking, client),
  join: sessions.join,
  leave: (asking, client) => sessions.leave(asking, client),
  end: sessions.maybeEnd,
  ping: sessions.ping,
  cancel: (asking, client) => sessions.cancel(asking, client),
  declare: handles.declare,
  set: handles.set,
  seal: handles.seal,
  offer: handles.offer,
  'offer-part': parts.offerPart,
  region: parts.region,
  withdraw: handles.withdraw,
  require: handles.require,
  demand: handles.demand,
  retract: handles.retract,
  dispose: handles.dispose,
  delete: (asking, client) => objects.deleteObject(asking, client),
  tag: objects.tag,
  'tag-selected': selecting.tagSelected,
  'end-selected': selecting.endSelected,
  promise: sessions.promise,
  close: sessions.close,
  unkeep: objects.unkeep,
  lease: memory.lease,
  return: memory.giveBack,
  adopt: memory.adopt,
  stat: objects.stat,
  query: selecting.query,
  'go-on': selecting.goOn,
  count: selecting.count,
  facets: selecting.facets,
  sort: selecting.sort,
  members: objects.members,
  explain: objects.explain,
  info: objects.info,
};

/** What has dice of its own, and comes in some of the worlds. */
export const SPECIALS = [
  ...(['opening', 'growing', 'defining', 'conducting', 'stepping', 'meeting'] as const),
  ...(['grouping', 'storing'] as const),
] as const;
export type Special = (typeof SPECIALS)[number];

/** Operations, as often as each comes. */
export interface WorkloadOptions extends AskingOptions {
  readonly deck: readonly Operation[];
  /** What most of the requests are about; as often as chance has it, without. */
  readonly mostly?: Special | undefined;
  /** Whether the pool has a store for what lies in slabs. */
  readonly hasStore?: boolean;
}

/**
 * Where events are played nobody else does what they cannot be foreseen of: in which order a
 * selector changes objects; nor promises what is never closed.
 */
const NOT_WITH_EVENTS: ReadonlySet<Operation> = new Set([
  ...(['tag-selected', 'end-selected', 'promise', 'close'] as const),
]);

/** All but one request of so many. */
const MOSTLY = -6;

function isTurn({ dice }: Asking, seldom: number): boolean {
  if (seldom === MOSTLY) return dice(-seldom) !== 0;
  return seldom > 0 && dice(seldom) === 0;
}

/** What client processes ask, by chance. */
export class Workload {
  readonly #deck: readonly Operation[];
  readonly #asking: Asking;
  /** Open objects, by dice of their own, in some of the worlds. */
  readonly #opening: Asking;
  /** How seldom it is their turn: one of so many requests; 0: never, {@link MOSTLY}: mostly. */
  readonly #openingSeldom: number;
  /** Arrays that grow, in the same way. */
  readonly #growing: Asking;
  readonly #growingSeldom: number;
  /** Definitions and lists, in the same way. */
  readonly #defining: Asking;
  readonly #definingSeldom: number;
  /** Events, in the same way. */
  readonly #conducting: Asking;
  readonly #conductingSeldom: number;
  /** Standing requires, and steps, in some of the worlds where events are played. */
  readonly #stepping: Asking;
  readonly #steppingSeldom: number;
  /** Barriers, with and without all the others. */
  readonly #meeting: Asking;
  readonly #meetingSeldom: number;
  /** Groups and what is ready, where nobody is told of events before them. */
  readonly #grouping: Asking;
  readonly #groupingSeldom: number;
  /** What is offered when it is stored, where there is a store. */
  readonly #storing: Asking;
  readonly #storingSeldom: number;

  constructor(
    dice: Dice,
    own: Pick<ReturnType<typeof ownDice>, Special>,
    asked: WorkloadOptions,
    world: ConstructorParameters<typeof Asking>[2],
  ) {
    const { mostly, hasStore = false } = asked;
    const often = mostly === 'storing' ? MOSTLY : 3;
    this.#storingSeldom = hasStore ? often : 0;
    const seldom = (special: Special, seldomMax: number): number => {
      const isIn = own[special](seldomMax - 1) === 0;
      if (mostly === 'stepping' && special === 'conducting') return 3;
      if (mostly !== undefined) return mostly === special ? MOSTLY : 0;
      if (special === 'stepping') return isIn && this.isConducting ? seldomMax : 0;
      if (special === 'meeting') return isIn ? seldomMax : 0;
      return isIn && (special === 'conducting' || !this.isHolding) ? seldomMax : 0;
    };
    this.#conductingSeldom = seldom('conducting', 5);
    this.#groupingSeldom = seldom('grouping', 8);
    const isTold = this.isHolding || this.#groupingSeldom !== 0;
    const options = { ...asked, hasLifetimes: !isTold };
    this.#deck = isTold
      ? options.deck.map((kind) => (NOT_WITH_EVENTS.has(kind) ? 'ping' : kind))
      : options.deck;
    this.#asking = new Asking(dice, options, world);
    this.#conducting = new Asking(own.conducting, options, world);
    this.#stepping = new Asking(own.stepping, options, world);
    this.#steppingSeldom = seldom('stepping', 4);
    this.#meeting = new Asking(own.meeting, options, world);
    this.#meetingSeldom = seldom('meeting', 6);
    this.#grouping = new Asking(own.grouping, options, world);
    this.#storing = new Asking(own.storing, options, world, { marks: STORING_MARKS });
    this.#openingSeldom = seldom('opening', 4);
    this.#growingSeldom = seldom('growing', 5);
    const more = { marks: OPENING_MARKS, names: opening.OPEN_NAMES };
    this.#opening = new Asking(own.opening, options, world, more);
    this.#defining = new Asking(own.defining, options, world);
    // Which objects GATHER changes first is not foreseen, either.
    const definingSeldom = seldom('defining', 5);
    this.#definingSeldom = this.#groupingSeldom === 0 ? definingSeldom : 0;
    const grown = { marks: GROWING_MARKS, names: appending.GROWING_NAMES };
    this.#growing = new Asking(own.growing, options, world, grown);
  }

  /** Whether events are played. */
  get isConducting(): boolean {
    return this.#conductingSeldom !== 0;
  }

  /** Whether operations are held, by subscribers or for the store. */
  get isHolding(): boolean {
    return this.isConducting || this.#storingSeldom !== 0;
  }

  /** What a process begins with. */
  begin(client: Client): void {
    for (const key of KEYS) sessions.key(this.#asking, client, key);
    sessions.join(this.#asking, client);
    if (this.#steppingSeldom !== 0) stepping.begin(this.#asking, client);
    if (this.#groupingSeldom !== 0) grouping.begin(this.#asking, client);
  }

  /** One request, of a kind that makes sense most of the time. */
  act(client: Client): void {
    const { dice } = this.#asking;
    const isIn = client.holdings.members.size > 0;
    if (isIn && isTurn(this.#opening, this.#openingSeldom)) {
      const lease = (): void => memory.lease(this.#opening, client, opening.LENGTH);
      if (client.process.open.size <= OPEN_MAX) opening.act(this.#opening, client, lease);
      return;
    }
    if (isIn && isTurn(this.#growing, this.#growingSeldom)) {
      const lease = (): void => memory.lease(this.#growing, client);
      if (client.process.open.size <= OPEN_MAX) appending.act(this.#growing, client, lease);
      return;
    }
    if (isIn && isTurn(this.#defining, this.#definingSeldom)) {
      if (client.process.open.size <= OPEN_MAX) defining.act(this.#defining, client);
      return;
    }
    if (isIn && isTurn(this.#grouping, this.#groupingSeldom)) {
      if (client.process.open.size <= OPEN_MAX) grouping.act(this.#grouping, client);
      return;
    }
    if (isIn && isTurn(this.#storing, this.#storingSeldom)) {
      if (client.process.open.size <= OPEN_MAX) storing.act(this.#storing, client);
      return;
    }
    if (isIn && isTurn(this.#meeting, this.#meetingSeldom)) {
      if (client.process.open.size <= OPEN_MAX) meeting.act(this.#meeting, client);
      return;
    }
    if (isIn && isTurn(this.#stepping, this.#steppingSeldom)) {
      if (client.process.open.size <= OPEN_MAX) stepping.act(this.#stepping, client);
      return;
    }
    if (isIn && isTurn(this.#conducting, this.#conductingSeldom)) {
      if (client.process.open.size <= OPEN_MAX) conducting.act(this.#conducting, client);
      return;
    }
    const { holdings } = client;
    for (const handle of holdings.handles.values()) {
      if (handle.reads.length > 0 && dice(4) === 0) holdings.verify(handle);
    }
    if (holdings.members.size === 0 && dice(8) !== 0) sessions.join(this.#asking, client);
    else ASK[this.#kind(client)](this.#asking, client);
  }

  /** Leaves in order: what it has is the pool's, or ends. */
  end(client: Client): void {
    for (const member of [...client.holdings.members]) {
      sessions.leave(this.#asking, client, member);
    }
    sessions.endSession(this.#asking, client);
  }

  /** Gives up what waits without end. */
  cancelEndless(client: Client): void {
    for (const number of [...client.process.open]) {
      const waits = client.process.requests[number - 1]?.waitsMs ?? 0;
      if (waits === Number.POSITIVE_INFINITY) sessions.cancel(this.#asking, client, number);
    }
  }

  /** Ends every object there may be. */
  clear(client: Client): void {
    for (const name of [...NAMES, ...opening.OPEN_NAMES, ...appending.GROWING_NAMES])
      objects.deleteObject(this.#asking, client, name, true, MEMBER_NONE);
    defining.clear(this.#asking, client);
    if (this.#steppingSeldom !== 0) stepping.clear(this.#asking, client);
    if (this.#groupingSeldom !== 0) grouping.clear(this.#asking, client);
    if (this.#storingSeldom !== 0) storing.clear(this.#asking, client);
    clearEvents(this.#asking, client);
  }

  /** Who has much lets go of some of it. */
  #kind({ holdings, process }: Client): Operation {
    const kind = this.#asking.of(this.#deck);
    if (process.open.size > OPEN_MAX) return 'ping';
    if (kind === 'join' && holdings.members.size >= MEMBERS_MAX) return 'leave';
    if (kind === 'promise' && holdings.promises.size >= PROMISES_MAX) return 'close';
    if (kind === 'lease' && holdings.extents.length >= EXTENTS_MAX) return 'return';
    if (kind !== 'declare' || holdings.handles.size < HANDLES_MAX) return kind;
    return this.#asking.of(['dispose', 'withdraw', 'retract', 'demand', 'offer', 'leave'] as const);
  }
}
