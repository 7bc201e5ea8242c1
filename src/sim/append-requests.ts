import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import * as handles from './handle-requests.js';
import type { Handle } from './holdings.js';
import { payloadOf, region } from './part-requests.js';

/** Nobody else makes handles of them; what is there others offer, demand and delete as well. */
export const GROWING_NAMES: readonly string[] = ['g/1', 'g/2', 'g/1'];
/** Rows that are appended at once, at most. */
const ROWS = 3;

type Ask = (asking: Asking, client: Client, lease: () => void) => void;

const ASK = {
  declare: handles.declare,
  append,
  finish,
  region,
  require: handles.require,
  demand: handles.demand,
  withdraw: handles.withdraw,
  dispose: handles.dispose,
  lease: (_asking, _client, lease) => lease(),
} satisfies { readonly [operation: string]: Ask };

/** How often each comes. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['declare', 'declare', 'declare', 'append', 'append', 'append', 'append'] as const),
  ...(['append', 'finish', 'region', 'region', 'require', 'demand', 'demand'] as const),
  ...(['withdraw', 'dispose', 'lease'] as const),
];

/** One request about an array that grows, of a kind that makes sense most of the time. */
export function act(asking: Asking, client: Client, lease: () => void): void {
  const ask: Ask = ASK[asking.of(OPERATIONS)];
  ask(asking, client, lease);
}

/** Mostly a handle that is meant. */
function handleFor(
  asking: Asking,
  { holdings }: Client,
  isMeant: (handle: Handle) => boolean,
): Handle | null {
  const all = [...holdings.handles.values()];
  if (all.length > 0 && asking.dice(24) === 0) return asking.of(all);
  const meant = all.filter((each) => GROWING_NAMES.includes(each.name) && isMeant(each));
  return meant.length === 0 ? null : asking.of(meant);
}

function append(asking: Asking, client: Client): void {
  const mayAppend = ({ state }: Handle): boolean => state === 'declared' || state === 'offered';
  const handle = handleFor(asking, client, mayAppend);
  if (handle === null) {
    handles.declare(asking, client);
    return;
  }
  const { dice } = asking;
  const { number } = handle;
  if (handle.state === 'declared' && dice(12) !== 0) grow(asking, client, handle);
  const size = dice(8) === 0 ? 0 : 1 + dice(ROWS);
  const { payload, undo } = payloadOf(asking, client, size);
  const scope = dice(6) === 0 ? 'pool' : 'member';
  const lifetime = asking.lifetime(3);
  const before = handle.state;
  if (before === 'declared' || before === 'sealed') handle.state = 'offered';
  asking.ask(
    client,
    `append ${size} to ${number} "${handle.name}" ${payload.kind}, scope ${scope}`,
    (w) =>
      protocol.writeAppend(w, {
        ...{ handle: number, scope: protocol.SCOPE[scope], durability: 0, lifetime },
        payload:
          payload.kind === 'slice'
            ? { ...payload.range, kind: 'slice', size }
            : {
                kind: 'inline',
                bytes: payload.kind === 'inline' ? payload.content : new Uint8Array(),
              },
      }),
    (oracle, session) => oracle.append(session, number, payload, scope, lifetime),
    {
      onAnswer: (answer) => {
        if (answer.kind !== 'fail' || client.process.isEnding) return;
        if (handle.state === 'offered' && before !== 'offered') handle.state = 'declared';
        undo();
      },
      needs: payload,
    },
  );
}

/** Says that the first dimension is open. */
function grow(asking: Asking, client: Client, { number }: Handle): void {
  const space = { dtype: 'uint8', shape: [null] } as const;
  asking.ask(
    client,
    `set ${number} to grow`,
    (w) => protocol.writeSet(w, number, space, []),
    (oracle, session) => oracle.grow(session, number),
  );
}

function finish(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, ({ state }) => state === 'offered');
  if (handle === null) {
    append(asking, client);
    return;
  }
  const { number } = handle;
  asking.ask(
    client,
    `finish ${number} "${handle.name}"`,
    (w) => protocol.writeFinish(w, number),
    (oracle, session) => oracle.finish(session, number),
  );
}
