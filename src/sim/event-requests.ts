import { ENDLESS } from '../core/limits.js';
import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import * as objects from './event-objects.js';
import type { MAsked, MFrom, Said } from './event-state.js';
import { contentOf } from './handle-requests.js';

const { EVENT, EVENT_FLAG, FROM, SILENCE, SLOW, SUBSCRIBE, SCOPE } = protocol;

const SUBSCRIPTIONS_MAX = 8;
/** How long one takes to acknowledge, at most. */
const SLOWNESS_MS_MAX = 40;
/** So long after its begin one that is silent is taken for gone. */
const SILENT_MS_MAX = 60_000;
/** What is offered to be held up until a subscriber is taken for silent. */
const QUIET = 'e/q';

type Kind = protocol.EventName;

/** Kinds of what is told after it, and before. */
const AFTER: readonly Kind[] = [
  ...(['offer', 'offer', 'withdraw', 'require', 'demand', 'declare', 'seal', 'retract'] as const),
  ...(['dispose', 'delete', 'tag', 'emit', 'emit', 'join', 'leave', 'crash', 'promise'] as const),
];
const BEFORE: readonly Kind[] = [
  ...(['offer', 'offer', 'withdraw', 'require', 'demand', 'declare', 'seal', 'retract'] as const),
  ...(['tag', 'delete', 'tag', 'emit'] as const),
];

/** All ask for what is followed, and no tags: what was told of it stays as it was. */
const SELECTORS = [
  ...['', '', '', 'a = 1', 'a != 1', 'has b', 'b = "t850" or a > 1', 'not a = 2'],
  ...['.event = "offer" or .event = "steer"', '.member ~ "p*"', 'name = "e/1"', 'name in ["e/2"]'],
] as const;

/** What one does who is told. */
export type Listener = (event: Said, number: number) => void;

const ASK = {
  produce: objects.produce,
  broker,
  gate,
  quiet,
  work: objects.work,
  watch,
  share,
  emit: objects.emit,
  tag: objects.tag,
  'tag-selected': objects.tagSelected,
  'end-selected': objects.endSelected,
  'delete-event': objects.deleteObject,
  seal: objects.seal,
  retract: objects.retract,
  withdraw: objects.withdraw,
  'promise-event': objects.promise,
  unsubscribe,
  wrongly,
} satisfies { readonly [operation: string]: (asking: Asking, client: Client) => void };

/** How often each comes. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['produce', 'produce', 'produce', 'produce', 'produce', 'work', 'work', 'work'] as const),
  ...(['broker', 'watch', 'watch', 'share', 'share', 'emit', 'emit', 'emit', 'tag'] as const),
  ...(['gate', 'quiet', 'seal', 'retract', 'withdraw', 'withdraw', 'delete-event'] as const),
  ...(['promise-event', 'promise-event', 'unsubscribe', 'wrongly'] as const),
  ...(['tag-selected', 'tag-selected', 'end-selected', 'end-selected'] as const),
];

/** One request, or a few that belong together, about events. */
export function act(asking: Asking, client: Client): void {
  ASK[asking.of(OPERATIONS)](asking, client);
}

const ASKED: MAsked = {
  ...{ name: '', kinds: ['offer'], topics: [], text: '', isBefore: false, acknowledges: false },
  ...{ own: false, untilComplete: false, silence: 'allow', deadlineMs: Number.POSITIVE_INFINITY },
  ...{ requires: false, latest: false, untilNow: false },
};

function flagsOf({ isBefore, acknowledges, own, ...more }: MAsked): number {
  const { untilComplete, untilNow, requires, latest } = more;
  return (
    (untilNow ? SUBSCRIBE.untilNow : 0) |
    (isBefore ? SUBSCRIBE.before : 0) |
    (acknowledges ? SUBSCRIBE.acknowledge : 0) |
    (own ? SUBSCRIBE.own : 0) |
    (untilComplete ? SUBSCRIBE.untilComplete : 0) |
    (requires ? SUBSCRIBE.requires : 0) |
    (latest ? SUBSCRIBE.latest : 0)
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
  /** Its member: else one of the client's. */
  readonly by?: number;
  readonly hears: Listener;
}

export function subscribe(
  asking: Asking,
  client: Client,
  fields: Partial<MAsked>,
  { from = { kind: 'now' }, window = 0, slow = SLOW.drop, by, hears }: Subscribing,
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
  const member = by ?? asking.member(client);
  playing.subscriptions.set(number, member);
  process.listeners.set(number, (event) => {
    const isMarker = event.kind === 'gap' || event.kind === 'end' || event.kind === 'cancelled';
    const isOfLog = !isMarker && (event.flags & EVENT_FLAG.snapshot) === 0;
    if (isOfLog) playing.seen = [...playing.seen.slice(-9), event.seq];
    if (event.kind === 'end' && asked.untilNow) asking.count('had all that there was');
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
export function soon(
  asking: Asking,
  { process }: Client,
  action: () => void,
  msMax = SLOWNESS_MS_MAX,
): void {
  asking.later(asking.dice(msMax), () => {
    process.whenRunning(() => {
      if (!process.isAlive) return;
      action();
      process.flush();
    });
  });
}

export function acknowledge(
  asking: Asking,
  client: Client,
  number: number,
  n: number,
  count = 1,
): void {
  asking.ask(
    client,
    `acknowledge ${number} ${n} and ${count - 1} more`,
    (w) => protocol.writeAcknowledge(w, number, n, count),
    (oracle, session) => oracle.events.acknowledge(session, number, n, count),
  );
}

export function veto(asking: Asking, client: Client, number: number, n: number): void {
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
export function acknowledging(asking: Asking, client: Client): Listener {
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
        const handle = objects.declare(asking, client, { name: event.name });
        objects.require(asking, client, handle);
        acknowledge(asking, client, number, event.n);
        if (dice(4) === 0) return;
        objects.demand(asking, client, handle, (answer) => {
          if (answer.kind === 'deliver') asking.count('a broker had what was offered');
        });
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
  const topics = dice(3) === 0 ? [asking.of(objects.TOPICS)] : [];
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
  const handle = objects.declare(asking, client, { name: QUIET, said: objects.attributes(asking) });
  const content = contentOf(asking.nextMark());
  const payload = { kind: 'inline', size: content.length, content } as const;
  objects.onHandle(asking, client, handle, 'offer', {
    words: `is met with silence for ${deadlineMs}`,
    write: (w) => protocol.writeOfferInline(w, handle.number, SCOPE.member, 0, 0, content),
    apply: (oracle, session) =>
      oracle.offer(session, handle.number, payload, { scope: 'member', lifetime: 0 }),
    waitsMs: deadlineMs,
    onAnswer: () => {
      if (client.process.isEnding) return;
      handle.state = 'offered';
      objects.withdrawOne(asking, client, handle);
      unsubscribeOne(asking, client, number, false);
      client.process.flush();
      asking.endSilence();
    },
  });
}

/** One of three wants no more than there is when it comes. */
function isUntilNow({ holdings: { playing } }: Client): boolean {
  return playing.made % 3 === 0;
}

/** Looks on, from where it likes: it misses nothing, and hears nothing twice. */
function watch(asking: Asking, client: Client): void {
  const { dice } = asking;
  const { seen } = client.holdings.playing;
  const isSnapshot = dice(3) === 0;
  const of: readonly Kind[] = isSnapshot ? ['offer', 'withdraw'] : kinds(asking, AFTER);
  const text = selector(asking, of);
  const topics = dice(4) === 0 ? [asking.of(objects.TOPICS)] : [];
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
  const all = { ...asked, untilComplete, untilNow: isUntilNow(client) };
  subscribe(asking, client, all, { from, window, slow, hears });
}

/** One of those who share the work of a subscription that outlives them. */
function share(asking: Asking, client: Client): void {
  const { dice } = asking;
  const durable = dice(3);
  const all: readonly (readonly Kind[])[] = [['offer'], ['offer', 'withdraw', 'tag'], ['emit']];
  const of = dice(20) === 0 ? all[0] : all[durable];
  const text = of?.includes('emit') === true ? '' : 'name ~ "e/*"';
  const from = { kind: asking.of(['last', 'last', 'start'] as const) };
  const window = asking.of([1, 2, 4]);
  const hears = acknowledging(asking, client);
  const untilNow = isUntilNow(client);
  const asked = { name: `d${durable}`, kinds: of ?? [], text, own: true, untilNow };
  subscribe(asking, client, asked, { from, window, hears });
}

export function unsubscribe(asking: Asking, client: Client): void {
  const { subscriptions } = client.holdings.playing;
  if (subscriptions.size === 0) {
    watch(asking, client);
    return;
  }
  unsubscribeOne(asking, client, asking.of([...subscriptions.keys()]), asking.dice(4) === 0);
}

export function unsubscribeOne(
  asking: Asking,
  client: Client,
  number: number,
  forget: boolean,
): void {
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
        { isBefore: true, untilNow: isUntilNow(client) },
        { from: { kind: isUntilNow(client) ? 'now' : 'snapshot' }, hears: () => {} },
      );
  }
}
