import type { Value } from '../core/value.js';
import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import { type EventHandle, handlesOf } from './event-handles.js';
import * as objects from './event-objects.js';
import { acknowledge, soon, subscribe, veto } from './event-requests.js';
import { DEPENDS_ON, GROUP_NAMES } from './event-state.js';
import { contentOf } from './handle-requests.js';
import { asker } from './object-requests.js';
import type { Payload } from './oracle-state.js';
import { keyNumber } from './selectors.js';

const { MODE, POLICY, SCOPE, WANT } = protocol;

const MEMBERS = GROUP_NAMES.slice(0, 4);
const GROUPS = GROUP_NAMES.slice(4);

const ASK = {
  group,
  one,
  withdraw,
  depend,
  delete: deleteOne,
  await: awaitReady,
  open: openGroup,
  watch,
  guard,
  wrongly,
} satisfies { readonly [operation: string]: (asking: Asking, client: Client) => void };

/** How often each comes. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['group', 'group', 'group', 'one', 'one', 'one', 'one', 'withdraw', 'withdraw'] as const),
  ...([
    'await',
    'await',
    'await',
    'open',
    'open',
    'depend',
    'delete',
    'watch',
    'guard',
    'wrongly',
  ] as const),
];

/** One request, or a few that belong together, about groups and what is ready. */
export function act(asking: Asking, client: Client): void {
  ASK[asking.of(OPERATIONS)](asking, client);
}

/** What a process begins with. */
export function begin(asking: Asking, client: Client): void {
  asking.ask(
    client,
    `key ${DEPENDS_ON}`,
    (w) => protocol.writeKey(w, keyNumber(DEPENDS_ON), DEPENDS_ON),
    () => ({ kind: 'ok' }),
  );
}

export function clear(asking: Asking, client: Client): void {
  objects.clear(asking, client, GROUP_NAMES);
}

/** Some names, each once. */
function some<T>(asking: Asking, names: readonly T[], most: number): T[] {
  return [...new Set(Array.from({ length: asking.dice(most + 1) }, () => asking.of(names)))];
}

/** Mostly depends on nothing; now and then on itself, or on what depends on it. */
function saidOfOne(asking: Asking): ReadonlyMap<string, Value> {
  const said = new Map(objects.attributes(asking));
  if (asking.dice(2) === 0) said.set(DEPENDS_ON, some(asking, GROUP_NAMES, 2));
  return said;
}

function payload(asking: Asking): Extract<Payload, { kind: 'inline' }> {
  const content = contentOf(asking.nextMark());
  return { kind: 'inline', size: content.length, content };
}

/** Offers a group of what is not offered, mostly; leaves at once, or withdraws some of it. */
function group(asking: Asking, client: Client): void {
  const { dice } = asking;
  const leaves = dice(4) === 0;
  const by = leaves ? objects.join(asking, client) : asking.member(client);
  const names = some(asking, MEMBERS, 4);
  const members = names.map((name) =>
    objects.declare(asking, client, { name, said: saidOfOne(asking), by }),
  );
  const said = new Map<string, Value>([[DEPENDS_ON, dice(8) === 0 ? ['b/1'] : names]]);
  const own = objects.declare(asking, client, { name: asking.of(GROUPS), said, by });
  offerGroup(asking, client, own, members);
  if (leaves) {
    objects.leave(asking, client, by);
    return;
  }
  const of = dice(3) === 0 ? members[0] : own;
  if (dice(2) === 0 && of !== undefined) objects.withdrawOne(asking, client, of);
  objects.dropOne(asking, client);
}

function offerGroup(
  asking: Asking,
  client: Client,
  own: EventHandle,
  handles: readonly EventHandle[],
): void {
  const scope = asking.dice(5) === 0 ? 'pool' : 'member';
  const members = handles.map(({ number }) => ({ handle: number, payload: payload(asking) }));
  for (const each of [own, ...handles]) each.state = 'offered';
  const fields = { handle: own.number, scope: SCOPE[scope], durability: 0, lifetime: 0 };
  asking.ask(
    client,
    `offer-group ${own.number} "${own.name}" of ${handles.map(({ name }) => name)}`,
    (w) =>
      protocol.writeOfferGroup(
        w,
        fields,
        members.map(({ handle, payload: { content } }) => {
          return { handle, payload: { kind: 'inline', bytes: content } };
        }),
      ),
    (oracle, session) => oracle.offerGroup(session, own.number, members, scope),
    {
      about: { handle: own.number, name: own.name, group: handles.map(({ number }) => number) },
      onAnswer: (answer) => {
        if (answer.kind === 'ok' && handles.length > 0) asking.count('offered as a group');
        if (answer.kind === 'fail' && answer.code === 'vetoed') asking.count('vetoed as a group');
      },
    },
  );
}

/** What others may depend on, and is of no group. */
function one(asking: Asking, client: Client): void {
  const handle = objects.declare(asking, client, {
    ...{ name: asking.of(GROUP_NAMES), said: saidOfOne(asking) },
  });
  objects.offer(asking, client, handle, asking.dice(6) === 0);
  if (asking.dice(3) === 0) objects.withdrawOne(asking, client, handle);
  objects.dropOne(asking, client);
}

function withdraw(asking: Asking, client: Client): void {
  const offered = handlesOf(client, 'offered');
  if (offered.length === 0) one(asking, client);
  else objects.withdrawOne(asking, client, asking.of(offered));
}

/** Says anew what an object depends on, or leaves it at what its offer said. */
function depend(asking: Asking, client: Client): void {
  const name = asking.of(GROUP_NAMES);
  const removes = asking.dice(3) === 0;
  const set = new Map<string, Value>();
  if (!removes) set.set(DEPENDS_ON, some(asking, GROUP_NAMES, 2));
  const pairs = [...set].map(([key, value]) => [keyNumber(key), value] as const);
  const removed = removes ? [DEPENDS_ON] : [];
  const member = asker(asking, client);
  asking.ask(
    client,
    `tag "${name}" as depending on ${[...set.values()]}`,
    (w) => protocol.writeTag(w, name, member, pairs, removed.map(keyNumber)),
    (oracle, session) => oracle.tag(name, { set, removed }, oracle.asker(session, member)),
    { about: { member, name, attributes: set } },
  );
}

function deleteOne(asking: Asking, client: Client): void {
  objects.clear(asking, client, [asking.of(GROUP_NAMES)]);
}

/** Demands what is ready, and nothing before. */
function awaitReady(asking: Asking, client: Client): void {
  const handle = objects.declare(asking, client, { name: asking.of(GROUP_NAMES) });
  demand(asking, client, handle, { ready: asking.dice(4) !== 0, disposes: true });
}

function demand(
  asking: Asking,
  client: Client,
  handle: EventHandle,
  of: { readonly ready: boolean; readonly disposes: boolean; readonly onDelivered?: () => void },
): void {
  const { ready, disposes, onDelivered = () => {} } = of;
  const { number } = handle;
  const mode = asking.dice(5) === 0 ? 'peek' : 'view';
  const { wire, ms } = asking.deadline(1);
  const request = client.process.requests.length + 1;
  client.holdings.playing.handles.delete(number);
  objects.onHandle(asking, client, handle, 'demand', {
    words: `${mode} for ${wire}${ready ? ', when it is ready' : ''}`,
    write: (w) => {
      const flags = WANT.attributes | (disposes ? WANT.dispose : 0) | (ready ? WANT.ready : 0);
      protocol.writeDemand(w, number, wire, MODE[mode], POLICY.fail, flags);
    },
    apply: (oracle, session) => {
      const how = { request, deadline: oracle.now + ms, mode, want: true, ready } as const;
      return oracle.demand(session, number, false, { ...how, dispose: disposes });
    },
    waitsMs: ms,
    onAnswer: (answer) => {
      if (answer.kind === 'deliver' && ready) asking.count('had what was ready');
      if (!disposes && client.process.isAlive && !client.process.isEnding) {
        if (answer.kind === 'deliver' && mode === 'view') onDelivered();
        objects.onHandle(asking, client, handle, 'dispose', {
          write: (w) => protocol.writeDispose(w, number),
          apply: (oracle, session) => oracle.dispose(session, number),
        });
        client.process.flush();
      }
    },
  });
}

/** Demands a group, and by its handle what it has; a group that was withdrawn has it still. */
function openGroup(asking: Asking, client: Client): void {
  const own = objects.declare(asking, client, { name: asking.of(GROUPS) });
  const { member: by } = own;
  const onDelivered = (): void => {
    const isIn = client.holdings.members.has(by);
    for (const name of isIn ? some(asking, MEMBERS, 3) : []) {
      const handle = objects.declare(asking, client, { name, by });
      requireMember(asking, client, handle, own);
      demand(asking, client, handle, { ready: asking.dice(3) === 0, disposes: true });
    }
  };
  demand(asking, client, own, { ready: asking.dice(2) === 0, disposes: false, onDelivered });
}

function requireMember(
  asking: Asking,
  client: Client,
  handle: EventHandle,
  { number: of }: EventHandle,
): void {
  const { number } = handle;
  objects.onHandle(asking, client, handle, 'require-member', {
    words: `of ${of}`,
    write: (w) => protocol.writeRequireMember(w, number, of),
    apply: (oracle, session) => oracle.requireMember(session, number, of),
    onAnswer: (answer) => {
      if (answer.kind === 'ok') asking.count('had what a group has');
    },
  });
}

/** Is told what is offered, withdrawn and ready. */
function watch(asking: Asking, client: Client): void {
  const { dice } = asking;
  const kinds = asking.of([['ready'], ['offer', 'ready'], ['withdraw', 'ready', 'tag']] as const);
  const asked = { kinds, text: 'name ~ "b/*"', own: dice(3) !== 0 };
  subscribe(asking, client, asked, {
    hears: ({ n }, number) => soon(asking, client, () => acknowledge(asking, client, number, n)),
  });
}

/** Has a say in what is offered: a group waits until each of it that it is told of is let go. */
function guard(asking: Asking, client: Client): void {
  const { dice } = asking;
  // All that was offered would wait for somebody.
  if (dice(3) !== 0) {
    watch(asking, client);
    return;
  }
  const silence = dice(2) === 0 ? 'allow' : 'deny';
  const text = asking.of(['name ~ "b/*"', 'name in ["b/1", "b/3"]', 'name = "b/a"', 'a > 1']);
  const about = text === 'a > 1' ? `name ~ "b/*" and ${text}` : text;
  const asked = { isBefore: true, acknowledges: true, silence, own: dice(4) === 0, text: about };
  subscribe(
    asking,
    client,
    { ...asked, silence },
    {
      window: asking.of([0, 1, 2]),
      hears: ({ n }, number) => {
        const action = dice(20) === 0 ? veto : acknowledge;
        soon(asking, client, () => action(asking, client, number, n));
      },
    },
  );
}

/** What is none, of several members, or twice in one. */
function wrongly(asking: Asking, client: Client): void {
  const { dice } = asking;
  const by = asking.member(client);
  const own = objects.declare(asking, client, { name: asking.of(GROUPS), by });
  const others = [asking.of(MEMBERS), asking.of(GROUP_NAMES)].map((name) =>
    objects.declare(asking, client, { name, by: asking.member(client) }),
  );
  if (dice(2) === 0) offerGroup(asking, client, own, others);
  else for (const other of others) requireMember(asking, client, other, own);
}
