import type { ValueMap } from '../core/value.js';
import type { Input } from '../pool/input.js';
import { Incoming } from '../session/incoming.js';
import { Outgoing } from '../session/outgoing.js';

export type MessagesInput = Extract<Input, { kind: 'messages' }>;

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
  /** An acknowledgement came that no frame of messages has carried. */
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
}
