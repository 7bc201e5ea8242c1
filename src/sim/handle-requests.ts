import { Float, type Value } from '../core/value.js';
import * as protocol from '../protocol/index.js';
import type { Answer } from './answers.js';
import type { Asking, Client } from './asking.js';
import { type Handle, mustHold } from './holdings.js';
import type { Dtype, Payload, Said } from './oracle-state.js';
import { attributes, keyNumber } from './selectors.js';
import { textOf } from './values.js';

const { MODE, POLICY, SCOPE, WANT } = protocol;

type OnHandle =
  | 'set'
  | 'part'
  | 'region'
  | 'seal'
  | 'offer'
  | 'withdraw'
  | 'require'
  | 'demand'
  | 'retract'
  | 'dispose';

/** The states in which an operation finds most of its handles. */
const MEANT: Record<OnHandle, readonly Handle['state'][]> = {
  set: ['declared'],
  seal: ['declared'],
  offer: ['declared', 'sealed'],
  // One that has offered a part may offer others.
  part: ['declared', 'offered'],
  region: ['declared', 'sealed'],
  withdraw: ['offered'],
  require: ['declared', 'sealed'],
  demand: ['declared', 'sealed', 'required'],
  retract: ['required'],
  dispose: ['sealed', 'withdrawn', 'demanded', 'retracted', 'failed'],
};

function handleOf(number: number, member: number, name: string): Handle {
  return {
    number,
    member,
    name,
    state: 'declared',
    explicit: false,
    demand: 0,
    reads: [],
  };
}

export function contentOf(mark: number): Uint8Array {
  return Uint8Array.of(mark, mark >> 8, mark >> 16, mark >> 24);
}

/** The marks that a slice is filled with: one, or one a cell. */
function marksOf(content: Uint8Array): readonly number[] {
  const view = new DataView(content.buffer);
  return Array.from({ length: content.length / 4 }, (_, at) => view.getUint32(4 * at, true));
}

function spaceOf({ dtype, length }: Said): Parameters<typeof protocol.writeSet>[2] {
  return { ...(dtype === null ? {} : { dtype }), ...(length === null ? {} : { shape: [length] }) };
}

function pairsOf(said: Said): [number, Value][] {
  return [...said.attributes].map(([key, value]) => [keyNumber(key), value]);
}

function wordsOf(said: Said): string {
  return textOf({ ...spaceOf(said), ...Object.fromEntries(said.attributes) });
}

interface Demanded {
  readonly answer: Answer;
  readonly contents: readonly Uint8Array[];
  readonly request: number;
  readonly dispose: boolean;
  readonly isPeek: boolean;
}

/** Few say much: what a handle says, another expects. */
function saidOf(asking: Asking): Map<string, Value> {
  const { dice } = asking;
  if (dice(8) === 0) return attributes(asking, 4);
  const said = new Map<string, Value>();
  if (dice(5) === 0) said.set('a', asking.of([1, 2, new Float(2)]));
  if (dice(8) === 0) said.set('b', asking.of(['t850', 't500']));
  return said;
}

function sayings(asking: Asking): Said {
  const dice = asking.dice;
  const dtype: Dtype | null = dice(16) === 0 ? 'int16' : dice(7) === 0 ? 'uint8' : null;
  return { dtype, length: dice(31) === 0 ? 2 : null, attributes: saidOf(asking) };
}

export function declare(asking: Asking, client: Client): void {
  const { holdings } = client;
  const isAnew = asking.dice(30) === 0;
  const number = isAnew ? asking.dice(holdings.handlesMade + 1) : holdings.handlesMade++;
  const member = asking.member(client);
  const name = asking.name();
  const said = sayings(asking);
  const isNew = !holdings.handles.has(number);
  if (isNew) holdings.handles.set(number, handleOf(number, member, name));
  const handle = holdings.handles.get(number);
  asking.ask(
    client,
    `declare ${number} "${name}" of ${member} as ${wordsOf(said)}`,
    (w) => protocol.writeDeclare(w, number, member, name, spaceOf(said), pairsOf(said)),
    (oracle, session) => oracle.declare(session, number, member, name, said),
    {
      onAnswer: (answer) => {
        const isLost = answer.kind === 'fail' && isNew;
        if (isLost && holdings.handles.get(number) === handle) holdings.handles.delete(number);
      },
    },
  );
}

/** Mostly a handle that the operation is meant for. */
export function handleFor(asking: Asking, client: Client, kind: OnHandle): Handle | null {
  const all = [...client.holdings.handles.values()];
  if (all.length > 0 && asking.dice(16) === 0) return asking.of(all);
  const meant = all.filter((each) => MEANT[kind].includes(each.state));
  return meant.length === 0 ? null : asking.of(meant);
}

export function dispose(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'dispose');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { holdings } = client;
  const { number } = handle;
  holdings.drop(handle);
  asking.ask(
    client,
    `dispose ${number}`,
    (w) => protocol.writeDispose(w, number),
    (oracle, session) => oracle.dispose(session, number),
    {
      // It is there as before; what it reads is not looked at any more.
      onAnswer: (answer) => {
        const wasKept = answer.kind === 'fail' && answer.code === 'wrong-state';
        const mayBe = holdings.members.has(handle.member) && !holdings.handles.has(number);
        if (!wasKept || !mayBe || client.process.isEnding) return;
        handle.reads = [];
        holdings.handles.set(number, handle);
      },
    },
  );
}

/** Nothing, some bytes, or a slice of what is leased. */
function payloadOf(asking: Asking, client: Client): { payload: Payload; undo: () => void } {
  const dice = asking.dice;
  const mark = asking.nextMark();
  const size = 1 + dice(dice(3) === 0 ? 4_096 : 300);
  const taken = dice(4) === 0 ? null : client.holdings.take(size);
  if (taken !== null) {
    const { range, adopted } = taken;
    if (adopted === null) asking.fill(client, range, mark);
    const content = contentOf(adopted ?? mark);
    const undo = (): void => client.holdings.putBack(taken);
    return { payload: { kind: 'slice', size, content, range }, undo };
  }
  const nothing = { payload: { kind: 'nothing' } as const, undo: () => {} };
  if (dice(5) === 0) return nothing;
  const content = new Uint8Array(dice(24)).fill(mark);
  return { payload: { kind: 'inline', size: content.length, content }, undo: () => {} };
}

export function offer(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'offer');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { number } = handle;
  // Who offers mostly says what it is.
  if (handle.state === 'declared' && asking.dice(3) === 0) {
    const said = { dtype: null, length: null, attributes: attributes(asking, 4) };
    describe(asking, client, handle, said);
  }
  const { payload, undo } = payloadOf(asking, client);
  const scope = asking.dice(4) === 0 ? 'pool' : 'member';
  const replaces = asking.dice(3) === 0;
  const flags = SCOPE[scope] | (replaces ? protocol.OFFER_REPLACES : 0);
  const lifetime = asking.lifetime(2);
  const size = payload.kind === 'nothing' ? 0 : payload.size;
  if (handle.state === 'declared' || handle.state === 'sealed') handle.state = 'offered';
  asking.ask(
    client,
    `offer ${number} "${handle.name}" ${payload.kind} of ${size}, scope ${scope}, for ${lifetime}${replaces ? ', replaces' : ''}`,
    (w) => {
      if (payload.kind === 'nothing') {
        protocol.writeOfferNothing(w, number, flags, 0, lifetime);
      } else if (payload.kind === 'inline') {
        protocol.writeOfferInline(w, number, flags, 0, lifetime, payload.content);
      } else {
        const { slab, offset } = payload.range;
        protocol.writeOfferSlice(w, number, flags, 0, lifetime, slab, offset, size);
      }
    },
    (oracle, session) => oracle.offer(session, number, payload, { scope, lifetime, replaces }),
    {
      onAnswer: (answer) => {
        if (answer.kind !== 'fail' || client.process.isEnding) return;
        if (handle.state === 'offered') handle.state = 'declared';
        undo();
      },
      needs: payload,
    },
  );
}

export function require(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'require');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { number } = handle;
  const isPatient = asking.dice(4) === 0;
  const policy = isPatient ? POLICY.wait : POLICY.fail;
  if (handle.state === 'declared' || handle.state === 'sealed') handle.state = 'required';
  handle.explicit = true;
  asking.ask(
    client,
    `require ${number} "${handle.name}" policy ${policy}`,
    (w) => protocol.writeRequire(w, number, policy),
    (oracle, session) => oracle.require(session, number, isPatient),
    {
      onAnswer: (answer) => {
        if (answer.kind === 'fail' && handle.state === 'required') handle.state = 'failed';
      },
    },
  );
}

export function demand(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'demand');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { number } = handle;
  const dice = asking.dice;
  const mode = asking.of(['view', 'own', 'view', 'own', 'peek'] as const);
  const patient = dice(5) === 0;
  const want = dice(2) === 0;
  const dispose = dice(3) === 0;
  const { wire, ms } = asking.deadline(1);
  const flags = (want ? WANT.attributes : 0) | (dispose ? WANT.dispose : 0);
  const policy = patient ? POLICY.wait : POLICY.fail;
  const request = client.process.requests.length + 1;
  const isMeant = MEANT.demand.includes(handle.state) && handle.demand === 0;
  if (isMeant) {
    handle.explicit &&= handle.state === 'required';
    handle.state = 'required';
    handle.demand = request;
  }
  asking.ask(
    client,
    `demand ${number} "${handle.name}" ${mode} for ${wire}, policy ${policy}, want ${flags}`,
    (w) => protocol.writeDemand(w, number, wire, MODE[mode], policy, flags),
    (oracle, session) => {
      const demand = { request, deadline: oracle.now + ms, mode, want, dispose };
      return oracle.demand(session, number, patient, demand);
    },
    {
      onAnswer: (answer, contents) => {
        const isPeek = mode === 'peek';
        demanded(client, handle, { answer, contents, request, dispose, isPeek });
      },
      waitsMs: ms,
    },
  );
}

function demanded(
  client: Client,
  handle: Handle,
  { answer, contents, request, dispose, isPeek }: Demanded,
): void {
  const { holdings } = client;
  const isThere = holdings.handles.get(handle.number) === handle;
  if (handle.demand === request) handle.demand = 0;
  if (answer.kind === 'fail') {
    const { code } = answer;
    const isGone = dispose && code !== 'wrong-state' && code !== 'unknown-handle';
    if (!isThere || code === 'wrong-state') return;
    if (isGone) holdings.handles.delete(handle.number);
    else if (code !== 'deadline-passed' && code !== 'cancelled') handle.state = 'failed';
    else if (handle.state === 'required' && !handle.explicit) handle.state = 'retracted';
    return;
  }
  if (answer.kind !== 'deliver') return;
  const { range, source, parts } = answer;
  const isParts = source === protocol.SOURCE.parts;
  const ranges = isParts ? parts.map((part) => part.range) : [range];
  const reads = ranges.flatMap((each, at) => {
    const content = contents[at];
    return each === null || content === undefined ? [] : [{ range: each, marks: marksOf(content) }];
  });
  const [first] = reads;
  if (first !== undefined && source === protocol.SOURCE.given && !client.process.isEnding) {
    const { range: own } = first;
    lookAt(
      client,
      handle.name,
      reads,
      () => true,
      () => holdings.putBack({ range: own, adopted: null }),
    );
  }
  if (!isThere) return;
  // What peeks has no lease, and no parts.
  const isLeased = source === protocol.SOURCE.slice || (isParts && !isPeek);
  if (isLeased) handle.reads = reads;
  const isHeld = (): boolean =>
    holdings.handles.get(handle.number) === handle && handle.reads === reads;
  if (isLeased) lookAt(client, handle.name, reads, isHeld);
  if (dispose && !isLeased) holdings.handles.delete(handle.number);
  else handle.state = 'demanded';
}

/** Looks at what came, in place or by its data connection, where it is held still by then. */
function lookAt(
  { holdings, link }: Client,
  name: string,
  reads: Handle['reads'],
  isHeld: () => boolean,
  then = () => {},
): void {
  if (link === null) {
    holdings.look(name, reads);
    then();
    return;
  }
  for (const { range, marks } of reads) {
    link.read(range, (found) => {
      if (!isHeld()) return;
      if (found === null) link.mustBeGone(range);
      else mustHold(name, range, marks, found);
      then();
    });
  }
}

export function seal(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'seal');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { number } = handle;
  if (handle.state === 'declared') handle.state = 'sealed';
  asking.ask(
    client,
    `seal ${number}`,
    (w) => protocol.writeSeal(w, number),
    (oracle, session, request) => oracle.seal(session, number, request),
  );
}

export function withdraw(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'withdraw');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { number } = handle;
  if (handle.state === 'offered') handle.state = 'withdrawn';
  asking.ask(
    client,
    `withdraw ${number}`,
    (w) => protocol.writeWithdraw(w, number, 0),
    (oracle, session) => oracle.withdraw(session, number),
  );
}

export function retract(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'retract');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { number } = handle;
  if (handle.state === 'required') handle.state = 'retracted';
  asking.ask(
    client,
    `retract ${number}`,
    (w) => protocol.writeRetract(w, number),
    (oracle, session) => oracle.retract(session, number),
  );
}

export function set(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'set');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  describe(asking, client, handle, sayings(asking));
}

export function describe(asking: Asking, client: Client, { number }: Handle, said: Said): void {
  asking.ask(
    client,
    `set ${number} ${wordsOf(said)}`,
    (w) => protocol.writeSet(w, number, spaceOf(said), pairsOf(said)),
    (oracle, session) => oracle.set(session, number, said),
  );
}
