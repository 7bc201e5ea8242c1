import type { Value } from '../core/value.js';
import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import * as objects from './event-objects.js';
import {
  acknowledge,
  type Listener,
  soon,
  subscribe,
  unsubscribe,
  unsubscribeOne,
} from './event-requests.js';
import { type MAsked, STEP_NAMES } from './event-state.js';
import type { MQueueAsked } from './step-oracle.js';

const { POLICY } = protocol;

/** The number of a member that nobody else gives. */
const LAST = 1_000_000;
/** How long who is slow takes to acknowledge, at most. */
const LATE_MS_MAX = 1_200;

/** What is required by all who take part, of groups by their names. */
const GROUPS: readonly Partial<MAsked>[] = [
  { name: 'g0', text: 'name ~ "e/*"', own: true },
  { name: 'g1', text: 'name ~ "e/*" and a = 1' },
  { name: 'g2', text: 'name ~ "e/*"', untilComplete: true },
  { name: 'g3', text: 'name ~ "s/*" and a = 2' },
  { name: 'g4', topics: ['q0'], latest: true },
];
const ALONE = [
  ...['name ~ "e/*"', 'name ~ "e/*" and a != 1', 'name ~ "e/*" and has b', 'name = "e/1"'],
  ...['name in ["e/2", "e/3"] and .member ~ "p*"', 'name ~ "s/*"', 'name ~ "s/*" and a = 1'],
] as const;

/** What is offered step by step, and how much of it is kept, or offered ahead. */
const QUEUES: readonly MQueueAsked[] = [
  { name: 'q0', text: 'name ~ "s/*"', by: 'l', keep: 2, maxAhead: 0 },
  { name: 'q1', text: 'name ~ "s/*" and a != 1', by: 'l', keep: 0, maxAhead: 2 },
  { name: 'q2', text: 'name ~ "s/*" and a = 1', by: 'l', keep: 3, maxAhead: 1 },
];

const ASK = {
  stand,
  view,
  look,
  step,
  queue,
  join,
  produce: objects.produce,
  withdraw: objects.withdraw,
  tag: objects.tag,
  'delete-event': objects.deleteObject,
  'promise-event': objects.promise,
  unsubscribe,
  'take-wrongly': takeWrongly,
} satisfies { readonly [operation: string]: (asking: Asking, client: Client) => void };

/** How often each comes. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['produce', 'produce', 'produce', 'produce', 'produce', 'queue', 'queue', 'look'] as const),
  ...(['step', 'step', 'step', 'step', 'step', 'step', 'step', 'view', 'view'] as const),
  ...(['stand', 'stand', 'join', 'join', 'withdraw', 'withdraw', 'tag'] as const),
  ...(['promise-event', 'delete-event', 'unsubscribe', 'take-wrongly'] as const),
];

/** One request, or a few that belong together, about what is required as it comes. */
export function act(asking: Asking, client: Client): void {
  ASK[asking.of(OPERATIONS)](asking, client);
}

/** Requires all that comes and is such, alone. */
function stand(asking: Asking, client: Client): void {
  const { dice } = asking;
  const text = asking.of(ALONE);
  const asked = { requires: true, text, own: dice(3) === 0, untilComplete: dice(3) === 0 };
  require(asking, client, asked);
}

/** Requires steps of a queue: all, or the newest that is whole. */
function view(asking: Asking, client: Client): void {
  const { name } = asking.of(QUEUES);
  const topics = [asking.dice(12) === 0 ? 'none' : name];
  require(asking, client, { requires: true, topics, latest: asking.dice(4) !== 0 });
}

/** Looks on while steps come and go. */
function look(asking: Asking, client: Client): void {
  subscribe(
    asking,
    client,
    { kinds: ['offer', 'withdraw'], text: 'name ~ "s/*"', own: true },
    {
      hears: ({ n }, number) => soon(asking, client, () => acknowledge(asking, client, number, n)),
    },
  );
}

/** Offers an object of a step: mostly of the newest one, or the next. */
function step(asking: Asking, client: Client): void {
  const { dice } = asking;
  const at = Math.max(0, asking.newestStep + asking.of([0, 0, 0, 1, 1, 2, -1, -2]));
  asking.newestStep = Math.max(asking.newestStep, at);
  const leaves = dice(6) === 0;
  const by = leaves ? objects.join(asking, client) : asking.member(client);
  const said = new Map<string, Value>([['a', 1 + dice(3)]]);
  if (dice(12) !== 0) said.set('l', at);
  const handle = objects.declare(asking, client, { name: asking.of(STEP_NAMES), said, by });
  objects.offer(asking, client, handle, false);
  if (leaves) objects.leave(asking, client, by);
  else if (dice(2) === 0) objects.withdrawOne(asking, client, handle);
  objects.dropOne(asking, client);
}

/** Defines a queue: as it is mostly, or as another; or forgets it. */
function queue(asking: Asking, client: Client): void {
  const { dice } = asking;
  const asked = asking.of(QUEUES);
  if (dice(12) === 0) forgetQueue(asking, client, asked);
  else defineQueue(asking, client, dice(12) === 0 ? { ...asked, keep: asked.keep + 1 } : asked);
}

function defineQueue(asking: Asking, client: Client, asked: MQueueAsked): void {
  const { name, text, ...more } = asked;
  asking.ask(
    client,
    `queue ${name} of ${text}`,
    (w) => protocol.writeQueue(w, { name, selector: text, ...more, forget: 0 }),
    (oracle) => oracle.steps.define(asked),
  );
}

function forgetQueue(asking: Asking, client: Client, { name, text, ...more }: MQueueAsked): void {
  asking.ask(
    client,
    `queue ${name} is forgotten`,
    (w) => protocol.writeQueue(w, { name, selector: text, ...more, forget: 1 }),
    (oracle) => oracle.steps.forget(name),
  );
}

/** One of those who share what comes. */
function join(asking: Asking, client: Client): void {
  require(asking, client, { ...asking.of(GROUPS), requires: true });
}

function require(asking: Asking, client: Client, asked: Partial<MAsked>): void {
  const from = { kind: asking.of(['now', 'snapshot', 'last'] as const) };
  const window = asking.of([1, 1, 2, 5]);
  subscribe(asking, client, asked, { from, window, hears: taking(asking, client) });
}

/** Takes and demands what comes, mostly, and acknowledges it: at once, or late. */
function taking(asking: Asking, client: Client): Listener {
  const { dice } = asking;
  return (event, number) => {
    const { n } = event;
    const msMax = dice(4) === 0 ? LATE_MS_MAX : undefined;
    const done = (): void => {
      if (!client.process.isEnding) acknowledge(asking, client, number, n);
    };
    const acknowledgesFirst = dice(6) === 0;
    if (event.missed !== null) asking.count('steps were missed');
    const takes = event.kind === 'offer' || dice(4) === 0;
    soon(asking, client, () => {
      const by = client.holdings.playing.subscriptions.get(number);
      if (client.process.isEnding || by === undefined) return;
      if (takes && dice(5) !== 0) {
        const handle = take(asking, client, { subscription: number, n, name: event.name, by });
        if (acknowledgesFirst) done();
        objects.demand(asking, client, handle, (answer) => {
          if (answer.kind === 'deliver') asking.count('had what was required as it came');
        });
      }
      if (!acknowledgesFirst) soon(asking, client, done, msMax);
      else if (!takes) done();
    });
  };
}

interface Taken {
  readonly subscription: number;
  readonly n: number;
  readonly name: string;
  readonly by: number;
}

function take(
  asking: Asking,
  client: Client,
  { subscription, n, name, by }: Taken,
): ReturnType<typeof objects.newHandle> {
  const handle = objects.newHandle(client, name, by);
  const { number } = handle;
  const policy = asking.dice(2) === 0 ? POLICY.wait : POLICY.fail;
  asking.ask(
    client,
    `take ${number} of ${subscription}: ${n}`,
    (w) => protocol.writeTake(w, { handle: number, subscription, n, policy, region: null }),
    (oracle, session) => oracle.take(session, number, subscription, n),
  );
  return handle;
}

/** What was acknowledged by now, is another's, or of a subscription to events. */
function takeWrongly(asking: Asking, client: Client): void {
  const { playing } = client.holdings;
  const [subscription = 0, by = 0] = asking.of([[0, 0], ...playing.subscriptions]);
  const handle = take(asking, client, { subscription, n: 1 + asking.dice(4), name: 'e/1', by });
  if (asking.dice(2) === 0) objects.demand(asking, client, handle);
}

/** Who is the last of all has a member in any case. */
export function begin(asking: Asking, client: Client): void {
  objects.join(asking, client, LAST);
}

/** Forgets what would be kept for groups of which nobody is there. */
export function clear(asking: Asking, client: Client): void {
  for (const group of GROUPS) {
    const number = client.holdings.playing.made;
    const asked = { ...group, requires: true };
    subscribe(asking, client, asked, { by: LAST, hears: () => {} });
    unsubscribeOne(asking, client, number, true);
  }
  for (const asked of QUEUES) forgetQueue(asking, client, asked);
  objects.clear(asking, client, STEP_NAMES);
}
