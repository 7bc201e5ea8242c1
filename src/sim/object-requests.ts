import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import { attributes, KEYS, keyNumber } from './selectors.js';

/** Who asks for a change that needs no member: a member, or the program that is none. */
export function asker(asking: Asking, client: Client): number {
  return asking.dice(2) === 0 ? protocol.MEMBER_NONE : asking.member(client);
}

export function deleteObject(
  asking: Asking,
  client: Client,
  name = asking.name(),
  force = asking.dice(2) === 0,
  member = asker(asking, client),
): void {
  asking.ask(
    client,
    `delete "${name}" ${force}`,
    (w) => protocol.writeDelete(w, name, member, force),
    (oracle, session) => oracle.delete(name, force, oracle.asker(session, member)),
    { about: { member, name } },
  );
}

export function tag(asking: Asking, client: Client): void {
  const name = asking.name();
  const set = attributes(asking, 2);
  const removed = asking.dice(3) === 0 ? [asking.of(KEYS)] : [];
  const member = asker(asking, client);
  const pairs = [...set].map(([key, value]) => [keyNumber(key), value] as const);
  asking.ask(
    client,
    `tag "${name}" ${[...set.keys()]} without ${removed}`,
    (w) => protocol.writeTag(w, name, member, pairs, removed.map(keyNumber)),
    (oracle, session) => oracle.tag(name, { set, removed }, oracle.asker(session, member)),
    { about: { member, name, attributes: set } },
  );
}

export function unkeep(asking: Asking, client: Client): void {
  const name = asking.name();
  const member = asker(asking, client);
  asking.ask(
    client,
    `unkeep "${name}"`,
    (w) => protocol.writeUnkeep(w, name, member, 0),
    (oracle, session) => oracle.unkeep(name, oracle.asker(session, member)),
    { about: { member, name } },
  );
}

export function stat(asking: Asking, client: Client): void {
  const name = asking.name();
  asking.ask(
    client,
    `stat "${name}"`,
    (w) => protocol.writeStat(w, name),
    (oracle) => oracle.stat(name),
  );
}

export function explain(asking: Asking, client: Client): void {
  const name = asking.name();
  asking.ask(
    client,
    `explain "${name}"`,
    (w) => protocol.writeExplain(w, protocol.EXPLAIN.name, name),
    (oracle) => oracle.explain(name),
  );
}

export function members(asking: Asking, client: Client): void {
  asking.ask(client, 'members', protocol.writeMembers, (oracle) => oracle.memberNames());
}

export function info(asking: Asking, client: Client): void {
  asking.ask(client, 'info', protocol.writeInfo, (oracle) => oracle.info());
}
