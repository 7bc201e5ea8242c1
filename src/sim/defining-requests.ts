import type { Value } from '../core/value.js';
import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import * as defining from './defining.js';
import { asker, tag } from './object-requests.js';
import { KEYS, selector } from './selectors.js';

/** Collections: few, so that they are in use. */
const COLLECTION_NAMES = ['c1', 'c2', 'c3'] as const;
const VALUES: readonly Value[] = ['t850', 'x', 1, 2];

const ASK = { gather, define, definitions, tag } satisfies {
  readonly [operation: string]: (asking: Asking, client: Client) => void;
};

/** How often each comes. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['gather', 'gather', 'gather', 'gather', 'gather', 'gather'] as const),
  ...(['define', 'define', 'define', 'definitions', 'tag'] as const),
];

/** One request about what is defined, or gathered in lists. */
export function act(asking: Asking, client: Client): void {
  ASK[asking.of(OPERATIONS)](asking, client);
}

function gather(asking: Asking, client: Client): void {
  const { dice } = asking;
  const text = selector(asking);
  const isCollection = dice(2) === 0;
  const key = isCollection ? defining.COLLECTIONS : dice(4) === 0 ? asking.of(KEYS) : 'l';
  const value = isCollection ? asking.of(COLLECTION_NAMES) : asking.of(VALUES);
  const member = asker(asking, client);
  const asked = { key, value, dry: dice(5) === 0, removes: dice(3) === 0 };
  asking.ask(
    client,
    `gather ${asked.dry ? 'dry ' : ''}${value} ${asked.removes ? 'out of' : 'in'} ${key} of ${text}`,
    (w) => protocol.writeGather(w, { selector: text, after: '', member, ...asked }),
    (oracle, session) =>
      defining.gather(oracle, text, { by: oracle.asker(session, member), ...asked }),
    { about: { member } },
  );
}

function define(asking: Asking, client: Client): void {
  const { dice } = asking;
  const documentation = `${dice(100)}`;
  const definition = dice(3) === 0 ? null : { documentation };
  defineOne(asking, client, asking.of(COLLECTION_NAMES), definition);
}

function defineOne(asking: Asking, client: Client, name: string, definition: Value): void {
  const kind = protocol.DEFINITION.collection;
  asking.ask(
    client,
    `define ${name} as ${definition === null ? 'nothing' : 'a list'}`,
    (w) => protocol.writeDefine(w, { kind, name, definition }),
    (oracle) => defining.define(oracle, name, definition),
  );
}

function definitions(asking: Asking, client: Client): void {
  const name = asking.dice(3) === 0 ? asking.of(COLLECTION_NAMES) : '';
  asking.ask(
    client,
    `definitions of ${name}`,
    (w) => protocol.writeDefinitions(w, { kind: protocol.DEFINITION.collection, name }),
    (oracle) => defining.definitions(oracle, name),
  );
}

/** Takes all of them away, behind the objects that were in them. */
export function clear(asking: Asking, client: Client): void {
  for (const name of COLLECTION_NAMES) defineOne(asking, client, name, null);
}
