import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import { attributes, KEYS, keyNumber } from './selectors.js';

export function deleteObject(
  asking: Asking,
  client: Client,
  name = asking.name(),
  force = asking.dice(2) === 0,
): void {
  asking.ask(
    client,
    `delete "${name}" ${force}`,
    (w) => protocol.writeDelete(w, name, force),
    (oracle) => oracle.delete(name, force),
  );
}

export function tag(asking: Asking, client: Client): void {
  const name = asking.name();
  const set = attributes(asking, 2);
  const removed = asking.dice(3) === 0 ? [asking.of(KEYS)] : [];
  const pairs = [...set].map(([key, value]) => [keyNumber(key), value] as const);
  asking.ask(
    client,
    `tag "${name}" ${[...set.keys()]} without ${removed}`,
    (w) => protocol.writeTag(w, name, pairs, removed.map(keyNumber)),
    (oracle) => oracle.tag(name, set, removed),
  );
}

export function unkeep(asking: Asking, client: Client): void {
  const name = asking.name();
  asking.ask(
    client,
    `unkeep "${name}"`,
    (w) => protocol.writeUnkeep(w, name, 0),
    (oracle) => oracle.unkeep(name),
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
