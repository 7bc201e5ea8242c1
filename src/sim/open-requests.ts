import { AxisSet } from '../core/regions/axis-set.js';
import { Region } from '../core/regions/region.js';
import * as protocol from '../protocol/index.js';
import type { Answer } from './answers.js';
import type { Asking, Client } from './asking.js';
import { contentOf, declare, describe } from './handle-requests.js';
import type { Handle } from './holdings.js';
import { deleteObject } from './object-requests.js';
import { CELL, LENGTH } from './open-oracle.js';
import type { MSight, Payload } from './oracle-state.js';
import { look } from './sights.js';

export { LENGTH };

const { CONSISTENCIES, LOCK_MODE, MESSAGE, SCOPE } = protocol;

/** Cells of an open object. */
const CELLS = LENGTH / CELL;
/** Most are of nobody else; of one, others offer, demand and delete as well. */
export const OPEN_NAMES: readonly string[] = [
  ...(['o/1', 'o/1', 'o/1', 'o/1', 'o/2', 'o/2', 'o/2', 'x'] as const),
];
/** Locks of one client have few numbers: some are in use. */
const LOCKS = 5;

type Ask = (asking: Asking, client: Client, lease: () => void) => void;

const ASK = {
  create,
  open,
  write,
  read,
  commit: (asking, client, lease) => commit(asking, client, lease, false),
  close: (asking, client, lease) => commit(asking, client, lease, true),
  lock,
  unlock,
  seal,
  withdraw,
  dispose,
  lease: (_asking, client, lease) => {
    if (!isAsked(client, 'lease')) lease();
  },
} satisfies { readonly [operation: string]: Ask };

/** How often each comes of who takes part in something. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['create', 'open', 'open', 'open', 'write', 'write', 'write', 'write', 'write'] as const),
  ...(['write', 'write', 'write', 'write', 'read', 'read', 'read', 'read', 'read'] as const),
  ...(['read', 'read', 'commit', 'commit', 'commit', 'lock', 'lock', 'lock', 'lock'] as const),
  ...(['lock', 'lock', 'unlock', 'unlock', 'close', 'lease', 'lease'] as const),
];
/** What ends it for one, or for all. */
const ENDS: readonly (keyof typeof ASK)[] = ['seal', 'withdraw', 'dispose', 'close', 'withdraw'];

/** One request about an open object, of a kind that makes sense most of the time. */
export function act(asking: Asking, client: Client, lease: () => void): void {
  const handles = [...client.holdings.handles.values()];
  // What has been sealed makes room for the next.
  const sealed = handles.filter((each) => each.state === 'offered' && each.isOpen === false);
  if (sealed.length > 0 && asking.dice(3) === 0) {
    withdrawIt(asking, client, asking.of(sealed));
    return;
  }
  const { stuck } = client.holdings;
  for (const name of stuck) {
    stuck.delete(name);
    if (asking.dice(2) === 0) deleteObject(asking, client, name, true);
  }
  if (!handles.some(isTakingPart)) {
    begin(asking, client, lease);
    return;
  }
  const ask: Ask = ASK[asking.of(asking.dice(16) === 0 ? ENDS : OPERATIONS)];
  ask(asking, client, lease);
}

function isTakingPart({ state, isOpen }: Handle): boolean {
  return state === 'opened' || (state === 'offered' && isOpen === true);
}

/** Mostly a handle that is meant. */
function handleFor(
  asking: Asking,
  { holdings }: Client,
  isMeant: (handle: Handle) => boolean,
): Handle | null {
  const all = [...holdings.handles.values()];
  if (all.length > 0 && asking.dice(24) === 0) return asking.of(all);
  const meant = all.filter(isMeant);
  return meant.length === 0 ? null : asking.of(meant);
}

/** One that takes part: opened, or created here. */
function takingPart(asking: Asking, client: Client): Handle | null {
  return handleFor(asking, client, isTakingPart);
}

/** One that says nothing yet, of a name that is mostly ours. */
function fresh(asking: Asking, client: Client, ...states: Handle['state'][]): Handle | null {
  const isFresh = ({ state, name }: Handle): boolean =>
    states.includes(state) && OPEN_NAMES.includes(name);
  return handleFor(asking, client, isFresh);
}

/** Who hears that it takes part no more believes it. */
function heard(handle: Handle, answer: Answer): void {
  if (answer.kind !== 'fail' || answer.code !== 'wrong-state') return;
  if (handle.state === 'opened') handle.state = 'failed';
  else if (handle.state === 'offered') handle.isOpen = false;
}

interface Cells {
  readonly cells: readonly number[];
  readonly regions: readonly Region[];
}

/** Regions of whole cells, in some order, and now and then more than there are. */
function cellsOf(asking: Asking, regionsMax: number): Cells {
  const { dice } = asking;
  const cells: number[] = [];
  const regions: Region[] = [];
  for (let left = dice(16) === 0 ? 0 : 1 + dice(regionsMax); left > 0; left--) {
    const stride = dice(3) === 0 ? 2 : 1;
    const start = dice(CELLS);
    const most = Math.ceil((CELLS - start) / stride) + (dice(16) === 0 ? 1 : 0);
    const count = 1 + dice(most);
    const axis = AxisSet.blocks({ start: start * CELL, stride: stride * CELL, count, block: CELL });
    regions.push(Region.box([4 * LENGTH], [axis]));
    for (let at = 0; at < count; at++) cells.push(start + at * stride);
  }
  return { cells, regions };
}

/** Whether one of these is asked for and not answered. */
function isAsked({ process }: Client, ...kinds: readonly string[]): boolean {
  return [...process.open].some((number) =>
    kinds.includes(process.requests[number - 1]?.words.split(' ')[0] ?? ''),
  );
}

/** Who takes part in nothing begins with what others may be in, or with one of its own. */
function begin(asking: Asking, client: Client, lease: () => void): void {
  if (isAsked(client, 'lease', 'create') && asking.dice(8) !== 0) return;
  const { met } = client.holdings;
  client.holdings.met = null;
  if (met?.state === 'declared') {
    openIt(asking, client, met);
    return;
  }
  const waits = [...client.holdings.handles.values()].some(({ state }) => state === 'opening');
  if (waits || asking.dice(2) !== 0) create(asking, client, lease);
  else open(asking, client);
}

function create(asking: Asking, client: Client, lease: () => void): void {
  const handle = fresh(asking, client, 'declared');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const taken = client.holdings.take(LENGTH);
  if (taken === null) {
    lease();
    return;
  }
  const { dice } = asking;
  const { number } = handle;
  const { range, adopted } = taken;
  const mark = adopted ?? asking.nextMark();
  if (adopted === null) asking.fill(client, range, mark);
  if (dice(8) !== 0) {
    describe(asking, client, handle, { dtype: 'uint8', length: LENGTH, attributes: new Map() });
  }
  const code = dice(CONSISTENCIES.length);
  const scope = dice(3) === 0 ? 'pool' : 'member';
  const lifetime = asking.lifetime(4);
  const payload: Payload = { kind: 'slice', size: LENGTH, content: contentOf(mark), range };
  handle.state = 'offered';
  handle.isOpen = true;
  asking.ask(
    client,
    `create ${number} "${handle.name}" ${CONSISTENCIES[code]}, scope ${scope}, for ${lifetime}`,
    (w) =>
      protocol.writeCreate(w, {
        handle: number,
        scope: SCOPE[scope],
        consistency: code,
        lifetime,
        slice: { ...range, size: LENGTH },
      }),
    (oracle, session) =>
      oracle.offer(session, number, payload, { scope, lifetime }, { code, mark }),
    {
      onAnswer: (answer) => {
        if (answer.kind !== 'fail' || client.process.isEnding) return;
        if (handle.state === 'offered') handle.state = 'declared';
        // What another has created can be opened.
        if (answer.code === 'already-offered') client.holdings.met = handle;
        client.holdings.putBack(taken);
      },
      needs: payload,
    },
  );
}

function open(asking: Asking, client: Client): void {
  const handle = fresh(asking, client, 'declared', 'sealed');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  openIt(asking, client, handle);
}

function openIt(asking: Asking, client: Client, handle: Handle): void {
  const { number } = handle;
  const { wire, ms } = asking.deadline(1);
  handle.state = 'opening';
  asking.ask(
    client,
    `open ${number} "${handle.name}" within ${wire}`,
    (w) => protocol.writeOpen(w, number, wire),
    (oracle, session, request) => oracle.openObject(session, number, request, oracle.now + ms),
    {
      onAnswer: (answer) => {
        const isStuck = answer.kind === 'fail' && answer.code === 'wrong-state';
        if (isStuck) client.holdings.stuck.add(handle.name);
        if (handle.state !== 'opening') return;
        handle.state = answer.kind === 'opened' ? 'opened' : 'sealed';
      },
      waitsMs: ms,
    },
  );
}

function write(asking: Asking, client: Client, lease: () => void): void {
  const handle = takingPart(asking, client);
  if (handle === null) {
    begin(asking, client, lease);
    return;
  }
  const { number } = handle;
  const { cells, regions } = cellsOf(asking, 3);
  const size = cells.length * CELL;
  const taken = size === 0 || asking.dice(3) === 0 ? null : client.holdings.take(size);
  const isSlice = taken !== null && taken.adopted === null;
  if (taken !== null && !isSlice) client.holdings.putBack(taken);
  const mark = asking.nextMark();
  const range = isSlice ? taken.range : null;
  if (range !== null) asking.fill(client, range, mark);
  const bytes = new Uint8Array(Uint32Array.from({ length: size / 4 }, () => mark).buffer);
  const payload: Payload =
    range === null
      ? { kind: 'inline', size, content: bytes }
      : { kind: 'slice', size, content: contentOf(mark), range };
  asking.ask(
    client,
    `write-regions cells ${cells} of ${number} "${handle.name}" ${payload.kind}`,
    (w) =>
      protocol.writeTransfer(w, MESSAGE.writeRegions, {
        ...{ handle: number, as: null, lossy: false, regions },
        payload: range === null ? { kind: 'inline', bytes } : { ...range, kind: 'slice', size },
      }),
    (oracle, session, request) =>
      oracle.writeRegions(session, number, request, { cells, mark, payload }),
    {
      onAnswer: (answer) => {
        heard(handle, answer);
        const isRefused = answer.kind === 'fail' && answer.code !== 'object-lost';
        if (isRefused && isSlice && !client.process.isEnding) client.holdings.putBack(taken);
      },
      needs: payload,
    },
  );
}

function read(asking: Asking, client: Client, lease: () => void): void {
  const handle = takingPart(asking, client);
  if (handle === null) {
    begin(asking, client, lease);
    return;
  }
  const { number, name } = handle;
  const { cells, regions } = cellsOf(asking, 2);
  const size = cells.length * CELL;
  const taken = size === 0 ? null : client.holdings.take(size);
  const isSlice = taken !== null && taken.adopted === null;
  if (taken !== null && !isSlice) client.holdings.putBack(taken);
  if (size > 0 && !isSlice) return;
  const range = isSlice ? taken.range : { slab: 0, offset: 0, size: 0 };
  const sights: MSight[] = [];
  asking.ask(
    client,
    `read-regions cells ${cells} of ${number} "${name}"`,
    (w) =>
      protocol.writeTransfer(w, MESSAGE.readRegions, {
        ...{ handle: number, as: null, lossy: false, regions },
        payload:
          size === 0
            ? { kind: 'inline', bytes: new Uint8Array() }
            : { ...range, kind: 'slice', size },
      }),
    (oracle, session, request) =>
      oracle.readRegions(session, number, request, { cells, range, sights }),
    {
      onAnswer: (answer) => {
        heard(handle, answer);
        if (!isSlice || client.process.isEnding) return;
        const isLost = answer.kind === 'fail' && answer.code === 'object-lost';
        const { link, holdings } = client;
        if (answer.kind === 'ok' && link !== null) {
          link.read(range, (found) => {
            if (found === null) link.mustBeGone(range);
            else look(found, name, sights);
            holdings.putBack(taken);
          });
          return;
        }
        if (answer.kind === 'ok') look(asking.slabs.cellsOf(range), name, sights);
        if (!isLost) holdings.putBack(taken);
      },
    },
  );
}

function commit(asking: Asking, client: Client, lease: () => void, closes: boolean): void {
  const handle = takingPart(asking, client);
  if (handle === null) {
    begin(asking, client, lease);
    return;
  }
  const { number } = handle;
  const { holdings } = client;
  const isOpened = handle.state === 'opened';
  if (closes && isOpened) holdings.drop(handle);
  asking.ask(
    client,
    `commit ${number} "${handle.name}" ${closes ? 'and close' : ''}`,
    (w) => protocol.writeCommit(w, number, closes),
    (oracle, session, request) => oracle.commit(session, number, request, closes),
    {
      onAnswer: (answer) => {
        const wasKept = answer.kind === 'fail' && answer.code === 'wrong-state';
        const mayBe = holdings.members.has(handle.member) && !holdings.handles.has(number);
        if (wasKept && mayBe && closes && isOpened && !client.process.isEnding) {
          holdings.handles.set(number, handle);
        }
      },
    },
  );
}

function lock(asking: Asking, client: Client, lease: () => void): void {
  const handle = takingPart(asking, client);
  if (handle === null) {
    begin(asking, client, lease);
    return;
  }
  const { dice } = asking;
  const { number } = handle;
  const { cells, regions } = cellsOf(asking, 1);
  const [region] = regions;
  if (region === undefined) return;
  const isWrite = dice(2) === 0;
  const lockNumber = dice(LOCKS);
  const block = dice(4) !== 0;
  const of = { number: lockNumber, isWrite, cells };
  const { wire, ms } = asking.lockDeadline();
  asking.ask(
    client,
    `lock ${lockNumber} cells ${cells} of ${number} "${handle.name}" ${isWrite} ${block}`,
    (w) =>
      protocol.writeLock(w, {
        handle: number,
        lock: lockNumber,
        mode: isWrite ? LOCK_MODE.write : LOCK_MODE.read,
        block,
        deadline: wire,
        region,
      }),
    (oracle, session, request) => {
      const deadline = oracle.now + ms;
      return oracle.lock(session, number, request, { ...of, deadline }, block);
    },
    {
      onAnswer: (answer) => {
        heard(handle, answer);
        if (ms !== Number.POSITIVE_INFINITY) asking.lockEnded();
      },
      waitsMs: block ? ms : 0,
    },
  );
}

function unlock(asking: Asking, client: Client, lease: () => void): void {
  const handle = takingPart(asking, client);
  if (handle === null) {
    begin(asking, client, lease);
    return;
  }
  const { number } = handle;
  const lockNumber = asking.dice(LOCKS);
  asking.ask(
    client,
    `unlock ${lockNumber} of ${number} "${handle.name}"`,
    (w) => protocol.writeUnlock(w, number, lockNumber),
    (oracle, session) => oracle.unlock(session, number, lockNumber),
  );
}

function seal(asking: Asking, client: Client, lease: () => void): void {
  const handle = takingPart(asking, client);
  if (handle === null) {
    begin(asking, client, lease);
    return;
  }
  const { number } = handle;
  asking.ask(
    client,
    `seal ${number} "${handle.name}"`,
    (w) => protocol.writeSeal(w, number),
    (oracle, session, request) => oracle.seal(session, number, request),
    {
      onAnswer: (answer) => {
        if (answer.kind === 'ok') handle.isOpen = false;
      },
    },
  );
}

function withdraw(asking: Asking, client: Client): void {
  const handle = asking.dice(3) === 0 ? takingPart(asking, client) : null;
  if (handle === null) {
    declare(asking, client);
    return;
  }
  withdrawIt(asking, client, handle);
}

function withdrawIt(asking: Asking, client: Client, handle: Handle): void {
  const { number } = handle;
  if (handle.state === 'offered') handle.state = 'withdrawn';
  asking.ask(
    client,
    `withdraw ${number}`,
    (w) => protocol.writeWithdraw(w, number, 0),
    (oracle, session) => oracle.withdraw(session, number),
  );
}

function dispose(asking: Asking, client: Client, lease: () => void): void {
  const handle = handleFor(asking, client, ({ state }) => state === 'opened');
  if (handle?.state !== 'opened') {
    begin(asking, client, lease);
    return;
  }
  const { number } = handle;
  client.holdings.drop(handle);
  asking.ask(
    client,
    `dispose ${number}`,
    (w) => protocol.writeDispose(w, number),
    (oracle, session) => oracle.dispose(session, number),
  );
}
