import type { Value } from '../core/value.js';
import * as protocol from '../protocol/index.js';
import type { Answer } from './answers.js';
import type { Asking, Client } from './asking.js';
import { type EventHandle, handlesOf } from './event-handles.js';
import { type About, EVENT_NAMES } from './event-state.js';
import * as finding from './finding.js';
import { contentOf } from './handle-requests.js';
import { asker } from './object-requests.js';
import { keyNumber } from './selectors.js';

const { SCOPE, MODE, POLICY, WANT, PROMISE_KIND } = protocol;

/** Handles of what is followed are numbered from here on: nobody else takes them. */
const HANDLES = 1_000_000;
const HANDLES_MAX = 12;
const PROMISES_MAX = 3;
export const TOPICS = ['steer', 'tick'] as const;

function name(asking: Asking): string {
  return EVENT_NAMES[asking.dice(EVENT_NAMES.length - 1)] ?? EVENT_NAMES[0];
}

export function attributes(asking: Asking): ReadonlyMap<string, Value> {
  const said = new Map<string, Value>();
  if (asking.dice(2) === 0) said.set('a', 1 + asking.dice(3));
  if (asking.dice(3) === 0) said.set('b', asking.of(['t850', 't500']));
  return said;
}

function pairsOf(said: ReadonlyMap<string, Value>): [number, Value][] {
  return [...said].map(([key, value]) => [keyNumber(key), value]);
}

export function declare(
  asking: Asking,
  client: Client,
  of: { readonly name: string; readonly said?: ReadonlyMap<string, Value>; readonly by?: number },
): EventHandle {
  const { name: what, said = new Map<string, Value>(), by = asking.member(client) } = of;
  const handle = newHandle(client, what, by);
  const { number } = handle;
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

export function newHandle(client: Client, name: string, member: number): EventHandle {
  const { playing } = client.holdings;
  const number = HANDLES + playing.made++;
  const handle: EventHandle = { number, name, member, state: 'declared' };
  playing.handles.set(number, handle);
  return handle;
}

export function offer(asking: Asking, client: Client, handle: EventHandle, isKept: boolean): void {
  const { number } = handle;
  const content = contentOf(asking.nextMark());
  const scope = isKept ? 'pool' : 'member';
  const payload = { kind: 'inline', size: content.length, content } as const;
  const replaces = asking.dice(3) === 0;
  const flags = SCOPE[scope] | (replaces ? protocol.OFFER_REPLACES : 0);
  handle.state = 'offered';
  onHandle(asking, client, handle, 'offer', {
    words: `scope ${scope}${replaces ? ', replaces' : ''}`,
    write: (w) => protocol.writeOfferInline(w, number, flags, 0, 0, content),
    apply: (oracle, session) =>
      oracle.offer(session, number, payload, { scope, lifetime: 0, replaces }),
    replaces,
  });
}

interface OnHandle {
  readonly words?: string;
  readonly replaces?: boolean;
  readonly write: Parameters<Asking['ask']>[2];
  readonly apply: Parameters<Asking['ask']>[3];
  readonly onAnswer?: (answer: Answer, contents: readonly Uint8Array[]) => void;
  readonly waitsMs?: number;
}

export function onHandle(
  asking: Asking,
  client: Client,
  { number, name: what }: EventHandle,
  operation: string,
  { words = '', replaces = false, write, apply, ...more }: OnHandle,
): void {
  const about: About = { handle: number, name: what, replaces };
  asking.ask(client, `${operation} ${number} "${what}" ${words}`, write, apply, { ...more, about });
}

/**
 * A producer: offers, and withdraws and leaves at once. Who has asked for it before must have it
 * all the same.
 */
export function produce(asking: Asking, client: Client): void {
  const { dice } = asking;
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
  leave(asking, client, by);
}

export function leave(asking: Asking, client: Client, by: number): void {
  client.holdings.dropMember(by);
  asking.ask(
    client,
    `leave ${by}`,
    (w) => protocol.writeLeave(w, by, 0),
    (oracle, session) => oracle.leave(session, by),
  );
}

export function join(
  asking: Asking,
  client: Client,
  number = client.holdings.membersMade++,
): number {
  const { holdings } = client;
  holdings.members.add(number);
  asking.ask(
    client,
    `join ${number} as p[*]`,
    (w) => protocol.writeJoin(w, number, 'p[*]', {}),
    (oracle, session) => oracle.join(session, number, 'p[*]'),
  );
  return number;
}

export function withdrawOne(asking: Asking, client: Client, handle: EventHandle): void {
  const { number } = handle;
  handle.state = 'withdrawn';
  onHandle(asking, client, handle, 'withdraw', {
    write: (w) => protocol.writeWithdraw(w, number, 0),
    apply: (oracle, session) => oracle.withdraw(session, number),
  });
}

export function withdraw(asking: Asking, client: Client): void {
  const offered = handlesOf(client, 'offered');
  if (offered.length === 0) produce(asking, client);
  else withdrawOne(asking, client, asking.of(offered));
}

/** Who has many handles disposes of one that is over. */
export function dropOne(asking: Asking, client: Client): void {
  const { handles } = client.holdings.playing;
  const [over] = [...handlesOf(client, 'withdrawn'), ...handlesOf(client, 'retracted')];
  if (handles.size < HANDLES_MAX || over === undefined) return;
  handles.delete(over.number);
  disposeOne(asking, client, over);
}

export function disposeOne(asking: Asking, client: Client, handle: EventHandle): void {
  const { number } = handle;
  onHandle(asking, client, handle, 'dispose', {
    write: (w) => protocol.writeDispose(w, number),
    apply: (oracle, session) => oracle.dispose(session, number),
  });
}

export function require(asking: Asking, client: Client, handle: EventHandle): void {
  const { number } = handle;
  const isPatient = asking.dice(3) === 0;
  handle.state = 'required';
  onHandle(asking, client, handle, 'require', {
    write: (w) => protocol.writeRequire(w, number, isPatient ? POLICY.wait : POLICY.fail),
    apply: (oracle, session) => oracle.require(session, number, isPatient),
  });
}

/** Demands, and disposes of the handle with the answer. */
export function demand(
  asking: Asking,
  client: Client,
  handle: EventHandle,
  onAnswer = (_answer: Answer): void => {},
): void {
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
    onAnswer,
  });
}

export function work(asking: Asking, client: Client): void {
  demand(asking, client, declare(asking, client, { name: name(asking) }));
}

export function seal(asking: Asking, client: Client): void {
  const handle = declare(asking, client, { name: name(asking), said: attributes(asking) });
  const { number } = handle;
  onHandle(asking, client, handle, 'seal', {
    write: (w) => protocol.writeSeal(w, number),
    apply: (oracle, session, request) => oracle.seal(session, number, request),
  });
  if (asking.dice(2) === 0) offer(asking, client, handle, false);
  dropOne(asking, client);
}

export function retract(asking: Asking, client: Client): void {
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

export function tag(asking: Asking, client: Client): void {
  const what = name(asking);
  const set = new Map<string, Value>([['t', asking.dice(3)]]);
  const member = asker(asking, client);
  asking.ask(
    client,
    `tag "${what}" t`,
    (w) => protocol.writeTag(w, what, member, pairsOf(set), []),
    (oracle, session) => oracle.tag(what, { set, removed: [] }, oracle.asker(session, member)),
    { about: { member, name: what, attributes: set } },
  );
}

export function deleteObject(asking: Asking, client: Client): void {
  deleteOne(asking, client, name(asking), asker(asking, client));
}

export function deleteOne(asking: Asking, client: Client, what: string, member: number): void {
  asking.ask(
    client,
    `delete "${what}"`,
    (w) => protocol.writeDelete(w, what, member, true),
    (oracle, session) => oracle.delete(what, true, oracle.asker(session, member)),
    { about: { member, name: what } },
  );
}

/** Of one object: in which order several are changed is not foreseen. */
function selector(asking: Asking): string {
  const more = asking.of(['', '', ' and a = 1', ' and t = 1', ' and .state = "offered"']);
  return `name = "${name(asking)}"${more}`;
}

/** Tags what a selector finds, which is asked of before as its name is. */
export function tagSelected(asking: Asking, client: Client): void {
  const text = selector(asking);
  const set = new Map<string, Value>([['t', asking.dice(3)]]);
  const member = asker(asking, client);
  const dry = asking.dice(6) === 0;
  const what = { selector: text, after: '', member, dry, tags: pairsOf(set), removed: [] };
  asking.ask(
    client,
    `tag-selected ${dry ? 'dry ' : ''}t of ${text}`,
    (w) => protocol.writeTagSelected(w, what),
    (oracle, session) => {
      const by = oracle.asker(session, member);
      return finding.tagSelected(oracle, text, { by, dry, set, removed: [] });
    },
    { about: dry ? { member } : { member, selector: text, attributes: set } },
  );
}

export function endSelected(asking: Asking, client: Client): void {
  const text = selector(asking);
  const how = asking.of(Object.values(protocol.END));
  const member = asker(asking, client);
  const dry = asking.dice(6) === 0;
  asking.ask(
    client,
    `end-selected ${dry ? 'dry ' : ''}as ${how}: ${text}`,
    (w) => protocol.writeEndSelected(w, { selector: text, after: '', member, dry, how }),
    (oracle, session) =>
      finding.endSelected(oracle, text, { by: oracle.asker(session, member), how, dry }),
    { about: dry ? { member } : { member, selector: text, how } },
  );
}

export function emit(asking: Asking, client: Client): void {
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
export function promise(asking: Asking, client: Client): void {
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

/** Ends all that may be offered. */
export function clear(
  asking: Asking,
  client: Client,
  names: readonly string[] = EVENT_NAMES,
): void {
  for (const each of names) deleteOne(asking, client, each, protocol.MEMBER_NONE);
}
