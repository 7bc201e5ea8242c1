import { ENDLESS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import * as protocol from '../protocol/index.js';
import type { Answer } from './answers.js';
import type { Asking, Client } from './asking.js';
import { type EventHandle, handlesOf } from './event-handles.js';
import { type About, EVENT_NAMES, type MAsked, type MFrom, type Said } from './event-state.js';
import { contentOf } from './handle-requests.js';
import { keyNumber } from './selectors.js';

const {
  EVENT,
  EVENT_FLAG,
  FROM,
  SILENCE,
  SLOW,
  SUBSCRIBE,
  SCOPE,
  MODE,
  POLICY,
  WANT,
  PROMISE_KIND,
} = protocol;

/** Handles of what is followed are numbered from here on: nobody else takes them. */
const HANDLES = 1_000_000;
const HANDLES_MAX = 12;
const SUBSCRIPTIONS_MAX = 8;
const PROMISES_MAX = 3;
/** How long one takes to acknowledge, at most. */
const SLOWNESS_MS_MAX = 40;
/** So long after its begin one that is silent is taken for gone. */
const SILENT_MS_MAX = 60_000;
/** What is offered to be held up until a subscriber is taken for silent. */
const QUIET = 'e/q';
const TOPICS = ['steer', 'tick'] as const;

type Kind = protocol.EventName;

/** Kinds of what is told after it, and before. */
const AFTER: readonly Kind[] = [
  ...(['offer', 'offer', 'withdraw', 'require', 'demand', 'declare', 'seal', 'retract'] as const),
  ...(['dispose', 'delete', 'tag', 'emit', 'emit', 'join', 'leave', 'crash', 'promise'] as const),
];
const BEFORE: readonly Kind[] = [
  ...(['offer', 'offer', 'withdraw', 'require', 'demand', 'declare', 'seal', 'retract'] as const),
  ...(['dispose', 'delete', 'tag', 'emit'] as const),
];

/** All ask for what is followed, and no tags: what was told of it stays as it was. */
const SELECTORS = [
  ...['', '', '', 'a = 1', 'a != 1', 'has b', 'b = "t850" or a > 1', 'not a = 2'],
  ...['.event = "offer" or .event = "steer"', '.member ~ "p*"', 'name = "e/1"', 'name in ["e/2"]'],
] as const;

/** What one does who is told. */
type Listener = (event: Said, number: number) => void;

const ASK = {
  produce,
  broker,
  gate,
  quiet,
  work,
  watch,
  share,
  emit,
  tag,
  'delete-event': deleteObject,
  seal,
  retract,
  withdraw,
  'promise-event': promise,
  unsubscribe,
  wrongly,
} satisfies { readonly [operation: string]: (asking: Asking, client: Client) => void };

/** How often each comes. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['produce', 'produce', 'produce', 'produce', 'produce', 'work', 'work', 'work'] as const),
  ...(['broker', 'watch', 'watch', 'share', 'share', 'emit', 'emit', 'emit', 'tag'] as const),
  ...(['gate', 'quiet', 'seal', 'retract', 'withdraw', 'withdraw', 'delete-event'] as const),
  ...(['promise-event', 'promise-event', 'unsubscribe', 'wrongly'] as const),
];

/** One request, or a few that belong together, about events. */
export function act(asking: Asking, client: Client): void {
  ASK[asking.of(OPERATIONS)](asking, client);
}

function name(asking: Asking): string {
  return EVENT_NAMES[asking.dice(EVENT_NAMES.length - 1)] ?? EVENT_NAMES[0];
}

function attributes(asking: Asking): ReadonlyMap<string, Value> {
  const said = new Map<string, Value>();
  if (asking.dice(2) === 0) said.set('a', 1 + asking.dice(3));
  if (asking.dice(3) === 0) said.set('b', asking.of(['t850', 't500']));
  return said;
}

function pairsOf(said: ReadonlyMap<string, Value>): [number, Value][] {
  return [...said].map(([key, value]) => [keyNumber(key), value]);
}

// Objects.

function declare(
  asking: Asking,
  client: Client,
  of: { readonly name: string; readonly said?: ReadonlyMap<string, Value>; readonly by?: number },
): EventHandle {
  const { playing } = client.holdings;
  const { name: what, said = new Map<string, Value>(), by = asking.member(client) } = of;
  const number = HANDLES + playing.made++;
  const handle: EventHandle = { number, name: what, member: by, state: 'declared' };
  playing.handles.set(number, handle);
  const about = { member: by, name: what, attributes: said };
  const expected = { dtype: null, length: null, attributes: new Map(said) };
  asking.ask(
    client,
    `declare ${number} "${what}" of ${by}`,
    (w) => protocol.writeDeclare(w, number, by, what, {}, pairsOf(said)),
    (oracle, session) => oracle.declare(session, number, by, what, expected),
    { about },
  );
  return handle;
}

function offer(asking: Asking, client: Client, handle: EventHandle, isKept: boolean): void {
  const { number } = handle;
  const content = contentOf(asking.nextMark());
  const scope = isKept ? 'pool' : 'member';
  const payload = { kind: 'inline', size: content.length, content } as const;
  handle.state = 'offered';
  onHandle(asking, client, handle, 'offer', {
    words: `scope ${scope}`,
    write: (w) => protocol.writeOfferInline(w, number, SCOPE[scope], 0, 0, content),
    apply: (oracle, session) => oracle.offer(session, number, payload, scope, 0),
  });
}

interface OnHandle {
  readonly words?: string;
  readonly write: Parameters<Asking['ask']>[2];
  readonly apply: Parameters<Asking['ask']>[3];
  readonly onAnswer?: (answer: Answer) => void;
  readonly waitsMs?: number;
}

function onHandle(
  asking: Asking,
  client: Client,
  { number, name: what }: EventHandle,
  operation: string,
  { words = '', write, apply, ...more }: OnHandle,
): void {
  const about: About = { handle: number, name: what };
  asking.ask(client, `${operation} ${number} "${what}" ${words}`, write, apply, { ...more, about });
}

/**
 * A producer: offers, and withdraws and leaves at once. Who has asked for it before must have it
 * all the same.
 */
function produce(asking: Asking, client: Client): void {
  const { dice } = asking;
  const { holdings } = client;
  const leaves = dice(3) === 0;
  const by = leaves ? join(asking, client) : asking.member(client);
  const said = attributes(asking);
  const handle = declare(asking, client, { name: name(asking), said, by });
  offer(asking, client, handle, dice(6) === 0);
  if (dice(2) === 0 || leaves) withdrawOne(asking, client, handle);
  if (!leaves) {
    dropOne(asking, client);
    return;
  }
  holdings.dropMember(by);
  asking.ask(
    client,
    `leave ${by}`,
    (w) => protocol.writeLeave(w, by, 0),
    (oracle, session) => oracle.leave(session, by),
  );
}

function join(asking: Asking, client: Client): number {
  const { holdings } = client;
  const number = holdings.membersMade++;
  holdings.members.add(number);
  asking.ask(
    client,
    `join ${number} as p[*]`,
    (w) => protocol.writeJoin(w, number, 'p[*]', {}),
    (oracle, session) => oracle.join(session, number, 'p[*]'),
  );
  return number;
}

function withdrawOne(asking: Asking, client: Client, handle: EventHandle): void {
  const { number } = handle;
  handle.state = 'withdrawn';
  onHandle(asking, client, handle, 'withdraw', {
    write: (w) => protocol.writeWithdraw(w, number, 0),
    apply: (oracle, session) => oracle.withdraw(session, number),
  });
}

function withdraw(asking: Asking, client: Client): void {
  const offered = handlesOf(client, 'offered');
  if (offered.length === 0) produce(asking, client);
  else withdrawOne(asking, client, asking.of(offered));
}

/** Who has many handles disposes of one that is over. */
function dropOne(asking: Asking, client: Client): void {
  const { handles } = client.holdings.playing;
  const [over] = [...handlesOf(client, 'withdrawn'), ...handlesOf(client, 'retracted')];
  if (handles.size < HANDLES_MAX || over === undefined) return;
  handles.delete(over.number);
  onHandle(asking, client, over, 'dispose', {
    write: (w) => protocol.writeDispose(w, over.number),
    apply: (oracle, session) => oracle.dispose(session, over.number),
  });
}

function require(asking: Asking, client: Client, handle: EventHandle): void {
  const { number } = handle;
  const isPatient = asking.dice(3) === 0;
  handle.state = 'required';
  onHandle(asking, client, handle, 'require', {
    write: (w) => protocol.writeRequire(w, number, isPatient ? POLICY.wait : POLICY.fail),
    apply: (oracle, session) => oracle.require(session, number, isPatient),
  });
}

/** Demands, and disposes of the handle with the answer. */
function demand(asking: Asking, client: Client, handle: EventHandle): void {
  const { number } = handle;
  const mode = asking.dice(5) === 0 ? 'peek' : 'view';
  const { wire, ms } = asking.deadline(1);
  const request = client.process.requests.length + 1;
  client.holdings.playing.handles.delete(number);
  onHandle(asking, client, handle, 'demand', {
    words: `${mode} for ${wire}`,
    write: (w) => {
      const flags = WANT.attributes | WANT.dispose;
      protocol.writeDemand(w, number, wire, MODE[mode], POLICY.fail, flags);
    },
    apply: (oracle, session) => {
      const how = { request, deadline: oracle.now + ms, mode, want: true, dispose: true } as const;
      return oracle.demand(session, number, false, how);
    },
    waitsMs: ms,
  });
}

function work(asking: Asking, client: Client): void {
  demand(asking, client, declare(asking, client, { name: name(asking) }));
}

function seal(asking: Asking, client: Client): void {
  const handle = declare(asking, client, { name: name(asking), said: attributes(asking) });
  const { number } = handle;
  onHandle(asking, client, handle, 'seal', {
    write: (w) => protocol.writeSeal(w, number),
    apply: (oracle, session, request) => oracle.seal(session, number, request),
  });
  if (asking.dice(2) === 0) offer(asking, client, handle, false);
  dropOne(asking, client);
}

function retract(asking: Asking, client: Client): void {
  const [required] = handlesOf(client, 'required');
  const handle = required ?? declare(asking, client, { name: name(asking) });
  if (required === undefined) require(asking, client, handle);
  const { number } = handle;
  handle.state = 'retracted';
  onHandle(asking, client, handle, 'retract', {
    write: (w) => protocol.writeRetract(w, number),
    apply: (oracle, session) => oracle.retract(session, number),
  });
}

function tag(asking: Asking, client: Client): void {
  const what = name(asking);
  const set = new Map<string, Value>([['t', asking.dice(3)]]);
  asking.ask(
    client,
    `tag "${what}" t`,
    (w) => protocol.writeTag(w, what, pairsOf(set), []),
    (oracle) => oracle.tag(what, set, []),
    { about: { name: what, attributes: set } },
  );
}

function deleteObject(asking: Asking, client: Client): void {
  deleteOne(asking, client, name(asking));
}

function deleteOne(asking: Asking, client: Client, what: string): void {
  asking.ask(
    client,
    `delete "${what}"`,
    (w) => protocol.writeDelete(w, what, true),
    (oracle) => oracle.delete(what, true),
    { about: { name: what } },
  );
}

function emit(asking: Asking, client: Client): void {
  const member = asking.member(client);
  const topic = asking.of(TOPICS);
  const said = attributes(asking);
  asking.ask(
    client,
    `emit ${member} ${topic}`,
    (w) => protocol.writeEmit(w, member, topic, pairsOf(said)),
    (oracle, session) => oracle.emit(session, member, topic, said),
    { about: { member, topic, attributes: said } },
  );
}

/** A promise, and its end: by it others know that all has come. */
function promise(asking: Asking, client: Client): void {
  const { holdings } = client;
  const { promises } = holdings.playing;
  const open = [...promises].filter(([, by]) => holdings.members.has(by));
  if (open.length >= PROMISES_MAX || (open.length > 0 && asking.dice(2) === 0)) {
    const [number] = asking.of(open);
    promises.delete(number);
    asking.ask(
      client,
      `close ${number}`,
      (w) => protocol.writeClose(w, number),
      (oracle, session) => oracle.close(session, number),
    );
    return;
  }
  const member = asking.member(client);
  const number = holdings.promisesMade++;
  const pattern = name(asking);
  promises.set(number, member);
  asking.ask(
    client,
    `promise ${number} of ${member}: ${pattern}`,
    (w) => protocol.writePromise(w, number, member, PROMISE_KIND.name, pattern),
    (oracle, session) => oracle.promise(session, number, member, pattern, false),
  );
}

// Subscriptions.

const ASKED: MAsked = {
  ...{ name: '', kinds: ['offer'], topics: [], text: '', isBefore: false, acknowledges: false },
  ...{ own: false, untilComplete: false, silence: 'allow', deadlineMs: Number.POSITIVE_INFINITY },
};

function flagsOf({ isBefore, acknowledges, own, untilComplete }: MAsked): number {
  return (
    (isBefore ? SUBSCRIBE.before : 0) |
    (acknowledges ? SUBSCRIBE.acknowledge : 0) |
    (own ? SUBSCRIBE.own : 0) |
    (untilComplete ? SUBSCRIBE.untilComplete : 0)
  );
}

function kinds(asking: Asking, from: readonly Kind[]): readonly Kind[] {
  return [...new Set(Array.from({ length: 1 + asking.dice(4) }, () => asking.of(from)))];
}

/** Of what is followed; what has no object needs no name. */
function selector(asking: Asking, of: readonly Kind[]): string {
  const text = asking.of(SELECTORS);
  const others: readonly Kind[] = ['emit', 'join', 'leave', 'crash'];
  if (of.some((kind) => !others.includes(kind))) {
    return text === '' ? 'name ~ "e/*"' : `name ~ "e/*" and (${text})`;
  }
  return text;
}

interface Subscribing {
  readonly from?: MFrom;
  readonly window?: number;
  readonly slow?: number;
  readonly hears: Listener;
}

function subscribe(
  asking: Asking,
  client: Client,
  fields: Partial<MAsked>,
  { from = { kind: 'now' }, window = 0, slow = SLOW.drop, hears }: Subscribing,
): void {
  const { holdings, process } = client;
  const { playing } = holdings;
  if (playing.subscriptions.size >= SUBSCRIPTIONS_MAX) {
    unsubscribe(asking, client);
    return;
  }
  const asked = { ...ASKED, ...fields };
  const { name: durable, topics, text, deadlineMs } = asked;
  const number = playing.made++;
  const member = asking.member(client);
  playing.subscriptions.set(number, member);
  process.listeners.set(number, (event) => {
    const isMarker = event.kind === 'gap' || event.kind === 'end' || event.kind === 'cancelled';
    const isOfLog = !isMarker && (event.flags & EVENT_FLAG.snapshot) === 0;
    if (isOfLog) playing.seen = [...playing.seen.slice(-9), event.seq];
    if (event.kind === 'end') playing.subscriptions.delete(number);
    else if (event.kind !== 'cancelled') hears(event, number);
  });
  const bits = asked.kinds.reduce((all, kind) => all | (1 << EVENT[kind]), 0);
  const seq = from.kind === 'seq' ? from.seq + (from.behind ? 1 : 0) : 0;
  const isEndless = deadlineMs === Number.POSITIVE_INFINITY;
  asking.ask(
    client,
    `subscribe ${number} of ${member} as "${durable}" from ${from.kind}: ${asked.kinds} ${text}`,
    (w) =>
      protocol.writeSubscribe(w, {
        ...{ subscription: number, member, kinds: bits, topics, flags: flagsOf(asked) },
        ...{ from: FROM[from.kind], slow, silence: SILENCE[asked.silence], seq, window },
        deadline: isEndless ? ENDLESS : deadlineMs,
        ...{ name: durable, selector: text },
      }),
    (oracle, session) => oracle.subscribe(session, number, member, asked, { from, window }),
    {
      onAnswer: (answer) => {
        if (answer.kind === 'fail') playing.subscriptions.delete(number);
      },
    },
  );
}

/** Does something a little later, if its process still runs: its end may wait for that. */
function soon(asking: Asking, { process }: Client, action: () => void): void {
  asking.later(asking.dice(SLOWNESS_MS_MAX), () => {
    process.whenRunning(() => {
      if (!process.isAlive) return;
      action();
      process.flush();
    });
  });
}

function acknowledge(asking: Asking, client: Client, number: number, n: number, count = 1): void {
  asking.ask(
    client,
    `acknowledge ${number} ${n} and ${count - 1} more`,
    (w) => protocol.writeAcknowledge(w, number, n, count),
    (oracle, session) => oracle.events.acknowledge(session, number, n, count),
  );
}

function veto(asking: Asking, client: Client, number: number, n: number): void {
  asking.ask(
    client,
    `veto ${number} ${n}`,
    (w) => protocol.writeVeto(w, number, n, 'no'),
    (oracle, session) => oracle.events.veto(session, number, n),
    {
      // Others were faster, or it is not to be anyway: then it is something to acknowledge.
      onAnswer: (answer) => {
        if (answer.kind !== 'fail' || !client.process.isAlive) return;
        acknowledge(asking, client, number, n);
        client.process.flush();
      },
    },
  );
}

/** Acknowledges each a little later, and some together. */
function acknowledging(asking: Asking, client: Client): Listener {
  return ({ n }, number) => {
    const count = asking.dice(4) === 0 ? 3 : 1;
    soon(asking, client, () =>
      acknowledge(asking, client, number, Math.max(1, n - count + 1), count),
    );
  };
}

/**
 * A broker: before something is offered it requires it, and lets it go then. Its producer may
 * withdraw and leave at once: the broker, or who works for it, has it all the same.
 */
function broker(asking: Asking, client: Client): void {
  const { dice } = asking;
  const silence = dice(2) === 0 ? 'allow' : 'deny';
  const text = selector(asking, ['offer']);
  const asked = { isBefore: true, acknowledges: true, silence, text } as const;
  subscribe(asking, client, asked, {
    window: asking.of([0, 1, 2]),
    hears: (event, number) => {
      soon(asking, client, () => {
        if (dice(8) === 0) {
          veto(asking, client, number, event.n);
          return;
        }
        if (client.process.isEnding) {
          acknowledge(asking, client, number, event.n);
          return;
        }
        const handle = declare(asking, client, { name: event.name });
        require(asking, client, handle);
        acknowledge(asking, client, number, event.n);
        if (dice(4) !== 0) demand(asking, client, handle);
      });
    },
  });
}

/** Has a say in all that is done, its own as well at times. */
function gate(asking: Asking, client: Client): void {
  const { dice } = asking;
  const of = kinds(asking, BEFORE);
  const silence = dice(2) === 0 ? 'allow' : 'deny';
  const acknowledges = dice(3) !== 0;
  const own = dice(3) === 0;
  const topics = dice(3) === 0 ? [asking.of(TOPICS)] : [];
  const text = selector(asking, of);
  const from = { kind: dice(4) === 0 ? 'start' : 'now' } as const;
  const asked = { isBefore: true, acknowledges, silence, kinds: of, own, topics, text } as const;
  const allows = acknowledging(asking, client);
  subscribe(asking, client, asked, {
    ...{ from, window: asking.of([0, 1, 3]) },
    hears: (event, number) => {
      if (!acknowledges || dice(6) !== 0) allows(event, number);
      else soon(asking, client, () => veto(asking, client, number, event.n));
    },
  });
}

/** Is told before, and silent: the deadline decides. One at a time, as of locks. */
function quiet(asking: Asking, client: Client): void {
  const { dice, options } = asking;
  const { playing } = client.holdings;
  if (playing.subscriptions.size >= SUBSCRIPTIONS_MAX) return;
  if (!asking.takeSilence(SILENT_MS_MAX)) return;
  const silence = dice(2) === 0 ? 'allow' : 'deny';
  const deadlineMs = 2 + 4 * dice(Math.ceil(options.waitMsMax / 4));
  const asked = { isBefore: true, acknowledges: true, own: true, silence, deadlineMs } as const;
  const number = playing.made;
  subscribe(asking, client, { ...asked, text: `name = "${QUIET}"` }, { hears: () => {} });
  const handle = declare(asking, client, { name: QUIET, said: attributes(asking) });
  const content = contentOf(asking.nextMark());
  const payload = { kind: 'inline', size: content.length, content } as const;
  onHandle(asking, client, handle, 'offer', {
    words: `is met with silence for ${deadlineMs}`,
    write: (w) => protocol.writeOfferInline(w, handle.number, SCOPE.member, 0, 0, content),
    apply: (oracle, session) => oracle.offer(session, handle.number, payload, 'member', 0),
    waitsMs: deadlineMs,
    onAnswer: () => {
      if (client.process.isEnding) return;
      handle.state = 'offered';
      withdrawOne(asking, client, handle);
      unsubscribeOne(asking, client, number, false);
      client.process.flush();
      asking.endSilence();
    },
  });
}

/** Looks on, from where it likes: it misses nothing, and hears nothing twice. */
function watch(asking: Asking, client: Client): void {
  const { dice } = asking;
  const { seen } = client.holdings.playing;
  const isSnapshot = dice(3) === 0;
  const of: readonly Kind[] = isSnapshot ? ['offer', 'withdraw'] : kinds(asking, AFTER);
  const text = selector(asking, of);
  const topics = dice(4) === 0 ? [asking.of(TOPICS)] : [];
  const [first] = seen;
  let from: MFrom = { kind: isSnapshot ? 'snapshot' : dice(2) === 0 ? 'start' : 'now' };
  if (!isSnapshot && first !== undefined && dice(3) === 0) {
    from = { kind: 'seq', seq: asking.of(seen), behind: dice(2) === 0 };
  }
  const asked = { kinds: of, text, topics, own: isSnapshot || dice(2) === 0 };
  const hears = acknowledging(asking, client);
  const window = asking.of([0, 1, 2, 5]);
  const slow = asking.of(Object.values(SLOW));
  const untilComplete = dice(3) === 0;
  subscribe(asking, client, { ...asked, untilComplete }, { from, window, slow, hears });
}

/** One of those who share the work of a subscription that outlives them. */
function share(asking: Asking, client: Client): void {
  const { dice } = asking;
  const durable = dice(3);
  const all: readonly (readonly Kind[])[] = [['offer'], ['offer', 'withdraw', 'tag'], ['emit']];
  const of = dice(20) === 0 ? all[0] : all[durable];
  const text = durable === 2 ? '' : 'name ~ "e/*"';
  const from = { kind: asking.of(['last', 'last', 'start'] as const) };
  const window = asking.of([1, 2, 4]);
  const hears = acknowledging(asking, client);
  const asked = { name: `d${durable}`, kinds: of ?? [], text, own: true };
  subscribe(asking, client, asked, { from, window, hears });
}

function unsubscribe(asking: Asking, client: Client): void {
  const { subscriptions } = client.holdings.playing;
  if (subscriptions.size === 0) {
    watch(asking, client);
    return;
  }
  unsubscribeOne(asking, client, asking.of([...subscriptions.keys()]), asking.dice(4) === 0);
}

function unsubscribeOne(asking: Asking, client: Client, number: number, forget: boolean): void {
  client.holdings.playing.subscriptions.delete(number);
  asking.ask(
    client,
    `unsubscribe ${number} ${forget ? 'and forget' : ''}`,
    (w) => protocol.writeUnsubscribe(w, number, forget),
    (oracle, session) => oracle.events.unsubscribe(session, number, forget),
  );
}

/** What is not there, was said before, or asked for as it cannot be. */
function wrongly(asking: Asking, client: Client): void {
  const { dice } = asking;
  const { subscriptions } = client.holdings.playing;
  const number = subscriptions.size === 0 ? dice(9) : asking.of([...subscriptions.keys()]);
  switch (dice(4)) {
    case 0:
      veto(asking, client, number, 1 + dice(3));
      break;
    case 1:
      acknowledge(asking, client, number, 1, 1 + dice(3));
      break;
    case 2:
      subscribe(asking, client, { text: 'a = ' }, { hears: () => {} });
      break;
    default:
      subscribe(
        asking,
        client,
        { isBefore: true },
        { from: { kind: 'snapshot' }, hears: () => {} },
      );
  }
}

/** Ends all that may be offered. */
export function clear(asking: Asking, client: Client): void {
  for (const each of EVENT_NAMES) deleteOne(asking, client, each);
}
