import { refuse } from '../core/assert.js';
import type { StateReader, StateWriter } from '../core/state-codec.js';
import { beginningOf } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import type { Input } from '../pool/input.js';
import { firstOf } from '../protocol/index.js';
import { Incoming } from '../session/incoming.js';
import { Outgoing } from '../session/outgoing.js';

export type MessagesInput = Extract<Input, { kind: 'messages' }>;

/** What is kept of what a client says of its process: who it is, and what answers show. */
const PROCESS_KEYS = ['pid', 'startTime', 'bootId', 'pidNamespace', 'host', 'client', 'command'];
const PROCESS_TEXT_MAX = 1_000;

export function knownOf(process: ValueMap): ValueMap {
  const known: { [key: string]: Value } = {};
  for (const key of PROCESS_KEYS) {
    const value = process[key];
    if (typeof value === 'string') known[key] = beginningOf(value, PROCESS_TEXT_MAX);
    else if (typeof value === 'number' || typeof value === 'bigint') known[key] = value;
  }
  return known;
}

/** The first request of an input that has not had its turn; the rest of it is not looked at. */
export function nextOf({ bytes, start, skip }: MessagesInput): number {
  return firstOf(bytes, start) + skip;
}

/** A session as the loop sees it: the two halves of its numbering. */
export class Line {
  readonly session: number;
  /** What its client said of its process: who looks for it after a restart knows it by that. */
  readonly process: ValueMap;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  /** Whether a connection carries it now. */
  connected = false;
  /** What it has asked and has not had its turn, in order; the bytes are the loop's own. */
  waiting: MessagesInput[] = [];
  /** Messages came that the batch to come holds. */
  heard = false;
  /** An acknowledgement came alone, not with messages. */
  acked = false;

  constructor(
    session: number,
    process: ValueMap,
    incoming = new Incoming(true),
    outgoing = new Outgoing(true),
  ) {
    this.session = session;
    this.process = process;
    this.incoming = incoming;
    this.outgoing = outgoing;
  }

  /** Between batches, when all that was stepped is durable. */
  save(w: StateWriter): void {
    w.u32(this.session);
    w.valueMap(this.process);
    this.incoming.save(w);
    this.outgoing.save(w);
    w.u32(this.waiting.length);
    for (const { bytes, start, end, skip, noRoom } of this.waiting) {
      w.bytes(bytes.subarray(start, end));
      w.u32(skip);
      w.flag(noRoom);
    }
  }

  static restore(r: StateReader): Line {
    const session = r.u32();
    const process = r.valueMap();
    const line = new Line(session, process, Incoming.restore(r), Outgoing.restore(r));
    for (let count = r.count(9); count > 0; count--) {
      const bytes = r.bytes();
      const [start, end] = [0, bytes.length];
      const skip = r.u32();
      const noRoom = r.flag();
      line.waiting.push({ kind: 'messages', session, bytes, start, end, skip, noRoom });
    }
    return line;
  }
}

export function unknownSession(session: number): never {
  return refuse('session-unknown', `Cannot go on with session ${session}: unknown`);
}

/** A client that lacks what it has acknowledged would wait for ever: nobody has that any more. */
export function checkReceived(line: Line, received: number): Line {
  const { session, outgoing } = line;
  const { acknowledged } = outgoing;
  if (received >= acknowledged) return line;
  return refuse(
    'bad-frame',
    `Cannot go on with session ${session} from ${received}: it has acknowledged ${acknowledged}`,
    { received, acknowledged },
  );
}
