import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import { type EventHandle, handlesOf } from './event-handles.js';
import * as objects from './event-objects.js';
import * as conducting from './event-requests.js';
import { STORE_NAMES } from './event-state.js';
import { contentOf } from './handle-requests.js';
import * as memory from './memory-requests.js';

const { DURABILITY, MODE, POLICY, SCOPE, WANT } = protocol;

const SIZE_MAX = 600;
/** How long one reads, at most. */
const READ_MS_MAX = 60;
const KINDS: readonly protocol.EventName[] = ['offer', 'withdraw', 'moved', 'lost'];

/** One request, or a few that belong together, about what is stored. */
export function act(asking: Asking, client: Client): void {
  const { dice } = asking;
  const { extents } = client.holdings;
  if (extents.length < 3 && dice(3) === 0) {
    memory.lease(asking, client, SIZE_MAX);
    return;
  }
  const does = [store, store, store, store, withdraw, demand, demand, watch, deleteOne] as const;
  asking.of(does)(asking, client);
}

function name(asking: Asking): string {
  return asking.of(STORE_NAMES);
}

const isOurs = ({ name: of }: EventHandle): boolean => of.startsWith('k/');

/**
 * Offers a slice that outlives the host, or beside it one that does not; by a handle that is there,
 * if the last offer was refused.
 */
function store(asking: Asking, client: Client): void {
  const { dice } = asking;
  const { holdings } = client;
  const size = 1 + dice(SIZE_MAX);
  const taken = holdings.take(size);
  if (taken === null || taken.adopted !== null) {
    if (taken !== null) holdings.putBack(taken);
    memory.lease(asking, client, SIZE_MAX);
    return;
  }
  const by = asking.member(client);
  const [known] = handlesOf(client, 'declared').filter(isOurs);
  const handle = known ?? objects.declare(asking, client, { name: name(asking), by });
  const mark = asking.nextMark();
  const { range } = taken;
  asking.fill(client, range, mark);
  const payload = { kind: 'slice', size, content: contentOf(mark), range } as const;
  const isDurable = dice(4) !== 0;
  const isKept = dice(2) === 0;
  const replaces = dice(3) === 0;
  const flags = SCOPE[isKept ? 'pool' : 'member'] | (replaces ? protocol.OFFER_REPLACES : 0);
  const { number } = handle;
  const durability = isDurable ? DURABILITY.fsync : DURABILITY.process;
  handle.state = 'offered';
  const about = { handle: number, name: handle.name, replaces };
  const how = { scope: isKept ? 'pool' : 'member', lifetime: 0, replaces, isDurable } as const;
  asking.ask(
    client,
    `offer ${number} "${handle.name}" of ${size}${isDurable ? ', durably' : ''} as ${how.scope}`,
    (w) => {
      const { slab, offset } = range;
      protocol.writeOfferSlice(w, number, flags, durability, 0, slab, offset, size);
    },
    (oracle, session) => oracle.offer(session, number, payload, how),
    {
      about: isDurable ? { ...about, stored: range } : about,
      needs: payload,
      onAnswer: (answer) => {
        if (answer.kind === 'ok' && isDurable) asking.count('offered when it was stored');
        if (answer.kind !== 'fail' || client.process.isEnding) return;
        if (handle.state === 'offered') handle.state = 'declared';
        holdings.putBack(taken);
      },
    },
  );
  // It waits for the store as well.
  if (dice(4) === 0) objects.withdrawOne(asking, client, handle);
  objects.dropOne(asking, client);
}

function withdraw(asking: Asking, client: Client): void {
  const offered = handlesOf(client, 'offered').filter(isOurs);
  if (offered.length === 0) store(asking, client);
  else objects.withdrawOne(asking, client, asking.of(offered));
}

/** Reads what is there in place, for a while. */
function demand(asking: Asking, client: Client): void {
  // What comes over a data connection others look at.
  if (client.link !== null) {
    store(asking, client);
    return;
  }
  const { holdings, process } = client;
  const handle = objects.declare(asking, client, { name: name(asking) });
  const { number } = handle;
  const { wire, ms } = asking.deadline(1);
  const request = process.requests.length + 1;
  holdings.playing.handles.delete(number);
  objects.onHandle(asking, client, handle, 'demand', {
    words: `for ${wire}, and reads`,
    write: (w) =>
      protocol.writeDemand(w, number, wire, MODE.view, POLICY.fail, WANT.attributes | WANT.dispose),
    apply: (oracle, session) => {
      const how = { request, deadline: oracle.now + ms, mode: 'view' } as const;
      return oracle.demand(session, number, false, { ...how, want: true, dispose: true });
    },
    waitsMs: ms,
    onAnswer: (answer, [content]) => {
      const range = answer.kind === 'deliver' ? answer.range : null;
      if (range === null || content === undefined) return;
      const marks = [new DataView(content.buffer).getUint32(0, true)];
      const look = (): void => holdings.look(handle.name, [{ range, marks }]);
      // Its member may have asked to leave before the answer came.
      const isThere = (): boolean => holdings.members.has(handle.member) && !process.isEnding;
      if (!isThere()) return;
      look();
      asking.count('had what was stored');
      const reads = (): void => {
        if (!isThere()) return;
        look();
        objects.disposeOne(asking, client, handle);
      };
      conducting.soon(asking, client, reads, READ_MS_MAX);
    },
  });
}

/** Is told where bytes are, and what is lost. */
function watch(asking: Asking, client: Client): void {
  const { dice } = asking;
  const kinds = [...new Set([asking.of(KINDS), 'moved', asking.of(KINDS)] as const)];
  const from = { kind: dice(2) === 0 ? 'start' : 'now' } as const;
  const asked = { kinds, text: 'name ~ "k/*"', own: true } as const;
  const hears = conducting.acknowledging(asking, client);
  conducting.subscribe(asking, client, asked, { from, window: asking.of([0, 1, 4]), hears });
}

function deleteOne(asking: Asking, client: Client): void {
  if (asking.dice(2) === 0) conducting.unsubscribe(asking, client);
  else objects.deleteOne(asking, client, name(asking), protocol.MEMBER_NONE);
}

/** Ends all that may be offered. */
export function clear(asking: Asking, client: Client): void {
  objects.clear(asking, client, STORE_NAMES);
}
