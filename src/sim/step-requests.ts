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
];
const ALONE = [
  ...['name ~ "e/*"', 'name ~ "e/*" and a != 1', 'name ~ "e/*" and has b', 'name = "e/1"'],
  'name in ["e/2", "e/3"] and .member ~ "p*"',
] as const;

const ASK = {
  stand,
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
  ...(['produce', 'produce', 'produce', 'produce', 'produce', 'produce', 'produce'] as const),
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
    const takes = event.kind !== 'lost' || dice(2) === 0;
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
  objects.clear(asking, client, STEP_NAMES);
}
