import type { Reader, Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { MESSAGE, readBye, type Welcome, writeLeave } from '../protocol/index.js';
import { type Acknowledged, Call } from './call.js';
import type { Client } from './client.js';
import { again, wrongState } from './errors.js';
import { deadlineOf, type WaitOptions } from './options.js';
import { UNHEEDED } from './pending.js';
import { throwIfAborted, waiting } from './waiting.js';

/** One member of this process at the pool: who acts. */
export class Seat {
  readonly client: Client;
  /** Its number in the session. */
  readonly number: number;
  /** Its id in the pool. */
  readonly id: number;
  /** The name that was granted. */
  readonly name: string;
  readonly granted: Welcome['granted'];
  /** What ends with it, here: in the pool it has ended by then. */
  readonly ends = new Set<() => void>();
  #hasLeft = false;

  constructor(client: Client, number: number, welcome: Welcome) {
    this.client = client;
    this.number = number;
    this.id = welcome.member;
    this.name = welcome.name;
    this.granted = welcome.granted;
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Nothing is kept for it any more: it has left, or its session is over. */
  get isGone(): boolean {
    return this.#hasLeft || this.client.connection.over !== null;
  }

  /** Every call of a member begins here: it must be one, and there must be room to send. */
  enter(what: string): Promise<void> | null {
    if (this.#hasLeft) throw wrongState(what, `${this.name} has left the pool`);
    const { over } = this.client.connection;
    if (over !== null) throw again(over);
    return this.client.connection.room();
  }

  /** Sends requests that are answered by OK, and waits for that. */
  async ask(what: string, count: number, write: (w: Writer) => void): Promise<Acknowledged> {
    const room = this.enter(what);
    if (room !== null) await room;
    const call = new Call<never>(count);
    this.client.connection.post(call, count, write);
    await call.promise;
    return call.acknowledged;
  }

  /** Leaves; returns the names whose offer ended with it. */
  async leave(options: WaitOptions): Promise<readonly string[]> {
    const what = `leave as ${this.name}`;
    throwIfAborted(what, options.signal);
    const room = this.enter(what);
    if (room !== null) await room;
    const { connection } = this.client;
    const deadline = deadlineOf(options.timeoutMs);
    const call = new Call<readonly string[]>(1, readNames);
    const number = connection.post(call, 1, (w) => writeLeave(w, this.number, deadline));
    const names = await waiting(connection, call, { number, what }, options);
    this.#end();
    return names ?? [];
  }

  /** Leaves, with nobody to hear how it went: LEAVE goes out with what else there is to say. */
  abandon(): void {
    const { connection } = this.client;
    if (connection.over === null) {
      connection.post(UNHEEDED, 1, (w) => writeLeave(w, this.number, 0));
    }
    this.#end();
  }

  #end(): void {
    this.#hasLeft = true;
    for (const end of this.ends) end();
    this.ends.clear();
    this.client.connection.members.release(this.number);
  }
}

function readNames(code: number, reader: Reader): readonly string[] {
  if (code !== MESSAGE.bye) {
    throw new AttaccaError('bad-message', `Cannot take answer ${code}: BYE was expected`);
  }
  return readBye(reader).names;
}
