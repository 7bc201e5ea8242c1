import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import { PATTERNS } from './asking.js';
import { declare } from './handle-requests.js';
import { KEYS } from './selectors.js';

const { MESSAGE, PROMISE_KIND } = protocol;
const MEMBERS = ['m', 'w[*]', 'w[0]', 'w[1]', 'n'] as const;
const OK = { kind: 'ok' } as const;

export function key(asking: Asking, client: Client, name = asking.of(KEYS)): void {
  const key = KEYS.indexOf(name);
  asking.ask(
    client,
    `key ${name}`,
    (w) => protocol.writeKey(w, key, name),
    () => OK,
  );
}

export function join(asking: Asking, client: Client): void {
  const { holdings } = client;
  const number = asking.dice(30) === 0 ? asking.dice(3) : holdings.membersMade++;
  const name = asking.of(MEMBERS);
  const isNew = !holdings.members.has(number);
  holdings.members.add(number);
  asking.ask(
    client,
    `join ${number} as ${name}`,
    (w) => protocol.writeJoin(w, number, name, {}),
    (oracle, session) => oracle.join(session, number, name),
    {
      onAnswer: (answer) => {
        if (answer.kind === 'fail' && isNew) holdings.dropMember(number);
      },
    },
  );
}

export function leave(asking: Asking, client: Client, member = asking.member(client)): void {
  client.holdings.dropMember(member);
  asking.ask(
    client,
    `leave ${member}`,
    (w) => protocol.writeLeave(w, member, 0),
    (oracle, session) => oracle.leave(session, member),
  );
}

/** Mostly it would end too much: one in ten does. */
export function maybeEnd(asking: Asking, client: Client): void {
  if (asking.dice(10) === 0) endSession(asking, client);
  else declare(asking, client);
}

export function endSession(asking: Asking, client: Client): void {
  client.holdings.dropAll();
  client.process.isEnding = true;
  asking.ask(client, 'end', protocol.writeEnd, (oracle, session) => {
    oracle.end(session, 'leave');
    return OK;
  });
}

/** Mostly a request that waits. */
function waitingOf(asking: Asking, client: Client): number {
  const { open, requests } = client.process;
  if (open.size === 0 || asking.dice(6) === 0) return 1 + asking.dice(requests.length + 3);
  return asking.of([...open]);
}

export function cancel(asking: Asking, client: Client, request = waitingOf(asking, client)): void {
  asking.ask(
    client,
    `cancel ${request}`,
    (w) => protocol.writeCancel(w, request),
    (oracle, session) => oracle.cancel(session, request),
  );
}

export function promise(asking: Asking, client: Client): void {
  const { holdings } = client;
  const member = asking.member(client);
  const number = asking.dice(20) === 0 ? asking.dice(3) : holdings.promisesMade++;
  const pattern = asking.of(PATTERNS);
  const isGlob = /[*?]/u.test(pattern);
  const kind = isGlob ? PROMISE_KIND.glob : PROMISE_KIND.name;
  if (!holdings.promises.has(number)) holdings.promises.set(number, member);
  asking.ask(
    client,
    `promise ${number} of ${member}: ${pattern}`,
    (w) => protocol.writePromise(w, number, member, kind, pattern),
    (oracle, session) => oracle.promise(session, number, member, pattern, isGlob),
  );
}

export function close(asking: Asking, client: Client): void {
  const { promises } = client.holdings;
  if (promises.size === 0) {
    promise(asking, client);
    return;
  }
  const number = asking.dice(20) === 0 ? asking.dice(9) : asking.of([...promises.keys()]);
  promises.delete(number);
  asking.ask(
    client,
    `close ${number}`,
    (w) => protocol.writeClose(w, number),
    (oracle, session) => oracle.close(session, number),
  );
}

export function ping(asking: Asking, client: Client): void {
  asking.ask(
    client,
    'ping',
    (w) => protocol.writeHeader(w, MESSAGE.ping, 0),
    () => OK,
  );
}
