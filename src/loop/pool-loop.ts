import { assert, refuse } from '../core/assert.js';
import { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import type { Checksum } from '../core/streams.js';
import type { ValueMap } from '../core/value.js';
import { beginAnew } from '../pool/begin-anew.js';
import { mayTellMore, tellMore } from '../pool/events/unread.js';
import type { Input } from '../pool/input.js';
import { restorePool, savePool } from '../pool/save.js';
import { type Effect, type PoolOptions, PoolState } from '../pool/state.js';
import { step, WHOLE } from '../pool/step.js';
import { mustNotStop } from '../pool/stopping.js';
import { Messages } from '../protocol/index.js';
import {
  NUMBER_ENTRY_SIZE,
  readEntry,
  type ShellInput,
  writeAcknowledged,
  writeMessages,
  writeOpened,
  writeShellInput,
  writeTurnsEnded,
} from './entries.js';
import { checkReceived, knownOf, Line, type MessagesInput, nextOf } from './line.js';
import { Lines } from './lines.js';
import { Outcome } from './outcome.js';
import { splitMessages, withoutNewWork } from './split.js';
import { TurnEnds } from './turn-ends.js';

interface Frame {
  readonly session: number;
  readonly last: number;
  readonly bytes: Uint8Array;
}

/** What was stepped together, and what came of it. */
export interface Batch {
  readonly number: number;
  readonly now: number;
  /** What a journal keeps of it; borrowed until the next call. Empty without a journal. */
  readonly entries: Uint8Array;
  /** Of the batch before: what it sent, and the state it left. */
  readonly check: number;
  /** By session, the request before which the clock has ended its turn; also in a replay. */
  readonly turnsEnded: ReadonlyMap<number, number>;
  readonly opened: readonly number[];
  /** Pairs of a session and the number of the last message that the batch has of it. */
  readonly received: readonly number[];
  /** Several for one session come in order. */
  readonly frames: readonly Frame[];
  readonly effects: readonly Effect[];
}

/** What the shell is asked to do when a batch is released, in this order. */
export interface Performance {
  /** New sessions, which may be told that they are. */
  readonly opened: readonly number[];
  /** As in the batch: those sessions may be due an acknowledgement. */
  readonly received: readonly number[];
  /** Frames to write, of sessions that a connection carries. */
  readonly frames: readonly { readonly session: number; readonly bytes: Uint8Array }[];
  readonly effects: readonly Effect[];
}

/**
 * Gathers inputs, steps them as one batch, and releases what came of it: the pure middle of the
 * server. The shell owns sockets, time and chance, and performs what `release` returns. Nothing of
 * a batch is released before all of it is stepped and, where there is a journal, durable: until
 * then nobody hears of it, nor that its requests have come.
 */
export class PoolLoop {
  readonly pool: PoolState;
  /** The disk of the journal is full: what comes from now on brings nothing new. */
  hasRoom = true;
  /** Of the checks of a journal; null: there is none, and no entries are written. */
  readonly #checksum: Checksum | null;
  readonly #lines = new Lines();
  readonly #messages = new Messages();
  #inputs: Input[] = [];
  #opened: number[] = [];
  #heard: Line[] = [];
  #acked: Line[] = [];
  /** A first acknowledgement is among them. */
  #isHeard = false;
  readonly #entries = new Writer(1_024);
  readonly #outcome = new Outcome();
  readonly #turns = new TurnEnds();
  /** Without a journal; with one it is what was written of the entries. */
  #bytesGathered = 0;
  /** Sessions with something that waits for its turn. */
  readonly #waiting = new Set<number>();
  #sessionNext = 1;
  #batch = 0;
  #check = 0;
  /** Messages that are stepped now; those that tripped an assertion stay here. */
  #stepping: MessagesInput | null = null;

  /** A new pool, or one that was restored. */
  constructor(pool: PoolOptions | PoolState, checksum: Checksum | null = null) {
    this.pool = pool instanceof PoolState ? pool : new PoolState(pool);
    this.pool.unread = this.#lines;
    this.#checksum = checksum;
  }

  /** Writes all that decides what will be done, between batches; what is not durable counts too. */
  save(w: StateWriter): void {
    assert(this.#inputs.length === 0 && this.#acked.length === 0, 'nothing is gathered');
    savePool(this.pool, w);
    w.u32(this.#sessionNext);
    w.u64(this.#batch);
    w.u32(this.#check);
    w.u32(this.#lines.size);
    for (const line of this.#lines.values()) line.save(w);
    w.u32(this.#waiting.size);
    for (const session of this.#waiting) w.u32(session);
  }

  /** The loop that was saved; its check goes on. */
  static restore(r: StateReader, checksum: Checksum): PoolLoop {
    const loop = new PoolLoop(restorePool(r), checksum);
    loop.#sessionNext = r.u32();
    loop.#batch = r.u64();
    loop.#check = r.u32();
    for (let count = r.count(16); count > 0; count--) {
      loop.#lines.add(Line.restore(r));
    }
    for (let count = r.count(4); count > 0; count--) {
      const session = r.u32();
      checkSaved(loop.#lines.has(session), 'who waits has a session');
      loop.#waiting.add(session);
    }
    r.end();
    return loop;
  }

  /** What time turns take, in ms from anywhere; without it they end by their answers alone. */
  set clock(clock: () => number) {
    this.#turns.clock = clock;
  }

  /** After `step` has thrown: the messages that it could not step, or null. */
  get culprit(): MessagesInput | null {
    return this.#stepping;
  }

  get sessionCount(): number {
    return this.#lines.size;
  }

  /** Whether a batch has something to do: what came in, what was left off, what is due by `now`. */
  isDue(now: number): boolean {
    if (this.#inputs.length > 0 || this.#isHeard) return true;
    if (this.pool.waits.nextDeadline() <= now) return true;
    for (const session of this.#waiting) if (this.isBehind(session)) return true;
    return mayTellMore(this.pool);
  }

  /** What a journal would have to keep of the batch to come, in bytes, at most. */
  get bytesGathered(): number {
    if (this.#checksum === null) return this.#bytesGathered;
    const numbers = this.#acked.length + this.#heard.length + this.#waiting.size;
    return this.#entries.at + numbers * NUMBER_ENTRY_SIZE;
  }

  /** So much was gathered that no more should come before a batch is stepped. */
  get isFull(): boolean {
    return this.bytesGathered >= LIMITS.batchBytesMax;
  }

  /** The sessions that are behind: they need not be read from meanwhile. */
  get behind(): number[] {
    return [...this.#waiting].filter((session) => this.isBehind(session));
  }

  /** Whether something that a session asked for was left off, and goes on by itself. */
  isBehind(session: number): boolean {
    return this.#waiting.has(session) && !this.isCongested(session);
  }

  /** Opens a session for a process: it is there when `opened` of a performance names it. */
  openSession(process: ValueMap): number {
    mustNotStop(this.pool, 'open a session');
    if (this.#lines.size >= LIMITS.sessionsMax) {
      refuse('session-limit', 'Cannot open a session: the pool has too many', {
        limit: LIMITS.sessionsMax,
      });
    }
    return this.#open(this.#sessionNext, knownOf(process));
  }

  hasSession(session: number): boolean {
    return this.#lines.has(session);
  }

  /** All sessions, what their clients said of their processes, and what waits for its turn. */
  *sessions(): Generator<Pick<Line, 'session' | 'process' | 'waiting'>> {
    yield* this.#lines.values();
  }

  /** Whether the client has ever acknowledged something: it knows its session then. */
  hasAcknowledged(session: number): boolean {
    return (this.#lines.get(session)?.outgoing.acknowledged ?? 0) > 0;
  }

  /** A connection takes up a session again: what it must be sent first, and what the pool has. */
  resumeSession(session: number, received: number): { received: number; frames: Uint8Array[] } {
    const line = checkReceived(this.#lines.known(session), received);
    this.receiveAck(session, received);
    line.connected = true;
    line.incoming.acknowledged();
    const { settled } = line.incoming;
    return { received: settled, frames: line.outgoing.resend(settled) };
  }

  /** The connection of a session is lost; its answers are kept. */
  disconnected(session: number): void {
    const line = this.#lines.get(session);
    if (line !== undefined) line.connected = false;
  }

  /**
   * Takes the body of a MESSAGES frame. The bytes must stay as they are until a batch is stepped. A
   * frame that does not parse is refused with `bad-frame`, and nothing of it is taken: the
   * connection must be ended.
   */
  receive(session: number, bytes: Uint8Array, start: number, end: number): void {
    const messages = this.#messages;
    messages.open(bytes, start, end);
    if (this.hasRoom) this.#receive(session, { bytes, start, end }, false);
    else {
      const left = withoutNewWork(messages);
      messages.open(left, 0, left.length);
      this.#receive(session, { bytes: left, start: 0, end: left.length }, true);
    }
  }

  /** Takes an ACK frame. */
  receiveAck(session: number, ack: number): void {
    const line = this.#lines.known(session);
    const isFirst = line.outgoing.acknowledged === 0;
    if (!this.#lines.acknowledge(line, ack) || line.acked || this.#checksum === null) return;
    // That its client knows of the session must outlive a manager: else it would pass for lost.
    this.#isHeard ||= isFirst;
    line.acked = true;
    this.#acked.push(line);
  }

  /** Takes an input of the shell: a death, a slab, the begin of the end, a tick. */
  input(input: ShellInput): void {
    this.#inputs.push(input);
    if (this.#checksum !== null) writeShellInput(this.#entries, input);
  }

  /** Steps all that was gathered. `now` in ms of pool time, never going back. */
  step(now: number): Batch {
    this.#writeAcks();
    const check = this.#check;
    const inputs = this.#inputs;
    this.#inputs = [];
    const resumed = [...this.#waiting];
    const tellsMore = tellMore(this.pool);
    for (const input of inputs) this.#step(now, input);
    for (const session of resumed) this.#resume(now, session);
    const turnsEnded = this.#turns.endBatch();
    if (this.#checksum !== null) writeTurnsEnded(this.#entries, turnsEnded);
    const isTick = tellsMore || this.pool.waits.nextDeadline() <= now;
    if (isTick) step(this.pool, now, { kind: 'tick' });
    const frames = this.#takeFrames();
    beginAnew(this.pool);
    if (this.#checksum !== null) this.#check = this.#outcome.of(this.pool, frames, this.#checksum);
    const batch = {
      number: ++this.#batch,
      now,
      entries: this.#entries.written(),
      check,
      turnsEnded,
      opened: this.#opened,
      received: this.#takeReceived(),
      frames,
      effects: this.pool.effects.splice(0),
    };
    this.#opened = [];
    this.#entries.reset();
    this.#bytesGathered = 0;
    return batch;
  }

  /** A batch is as durable as it will be: in the order of their numbers. */
  release(batch: Batch): Performance {
    for (const session of batch.opened) {
      const line = this.#lines.get(session);
      if (line !== undefined) line.connected = true;
    }
    const { received } = batch;
    for (let at = 0; at < received.length; at += 2) {
      this.#lines.get(received[at] as number)?.incoming.settle(received[at + 1] as number);
    }
    const frames: Frame[] = [];
    for (const frame of batch.frames) {
      const line = this.#lines.get(frame.session);
      if (line === undefined) {
        // It has ended since, or with this batch: what it was told last is all it will hear.
        frames.push(frame);
        continue;
      }
      line.outgoing.release(frame.last);
      if (!line.connected) continue;
      line.incoming.acknowledged();
      frames.push(frame);
    }
    return { opened: batch.opened, received, frames, effects: batch.effects };
  }

  /** Steps what was gathered and releases it: where there is nothing to wait for. */
  run(now: number): Performance {
    return this.release(this.step(now));
  }

  /**
   * Does again what a record says, and returns what came of it, released. `journal-damaged` when
   * the batch before had another outcome than when it was written.
   */
  replay(record: Pick<Batch, 'now' | 'check' | 'entries'>): Batch {
    if (record.check !== this.#check) {
      refuse(
        'journal-damaged',
        `Cannot go on after batch ${this.#batch}: doing it again gave another outcome`,
        { batch: this.#batch },
      );
    }
    this.#turns.beginReplay();
    const reader = new Reader(record.entries);
    while (reader.remaining > 0) this.#enter(reader);
    const batch = this.step(record.now);
    this.release(batch);
    return batch;
  }

  /** Whether reading from a session should pause: it holds too many answers it has not seen. */
  isCongested(session: number): boolean {
    return this.#lines.isCongested(session);
  }

  /**
   * The ack to send to a session now if nothing else goes to it, or 0. `soon` asks for what would
   * be due within a second as well.
   */
  ackDue(session: number, soon: boolean): number {
    const line = this.#lines.get(session);
    if (line === undefined) return 0;
    const due = line.incoming.ackDue;
    if (due === 'no' || (due === 'soon' && !soon)) return 0;
    line.incoming.acknowledged();
    return line.incoming.settled;
  }

  /** The first request of a session that has not had its turn; null: all have. */
  turnOf(session: number): number | null {
    const [input] = this.#lines.get(session)?.waiting ?? [];
    if (input === undefined) return null;
    return nextOf(input);
  }

  /** The last number received of a session that may be told. */
  receivedOf(session: number): number {
    return this.#lines.get(session)?.incoming.settled ?? 0;
  }

  #open(session: number, process: ValueMap): number {
    this.#sessionNext = session + 1;
    this.#lines.add(new Line(session, process));
    this.#opened.push(session);
    this.#inputs.push({ kind: 'session-opened', session, process });
    if (this.#checksum !== null) writeOpened(this.#entries, session, process);
    return session;
  }

  /** Takes the frame that `#messages` stands on: all is checked before anything changes. */
  #receive(
    session: number,
    body: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
    noRoom: boolean,
  ): void {
    const line = this.#lines.known(session);
    const { first, count, ack } = this.#messages;
    const { bytes, start, end } = body;
    if (first > line.incoming.received + 1) {
      refuse('bad-frame', `Cannot read messages from ${first}: some are missing`);
    }
    // A frame that is all known is no entry: what it acknowledges is one by itself.
    if (first + count - 1 > line.incoming.received) this.#lines.acknowledge(line, ack);
    else this.receiveAck(session, ack);
    const skip = line.incoming.take(first, count, end - start);
    if (skip === count) return;
    this.#inputs.push({ kind: 'messages', session, bytes, start, end, skip, noRoom });
    this.#bytesGathered += end - start;
    if (this.#checksum !== null) writeMessages(this.#entries, session, noRoom, body);
    if (line.heard) return;
    line.heard = true;
    this.#heard.push(line);
  }

  /** Makes the call that an entry stands for. */
  #enter(reader: Reader): void {
    const entry = readEntry(reader);
    if (entry.kind === 'session-opened') this.#open(entry.session, entry.process);
    else if (entry.kind === 'acknowledged') this.receiveAck(entry.session, entry.number);
    else if (entry.kind === 'turn-ended') this.#turns.record(entry.session, entry.number);
    else if (entry.kind === 'messages') {
      this.#messages.open(entry.bytes, entry.start, entry.end);
      this.#receive(entry.session, entry, entry.noRoom);
    } else this.input(entry);
  }

  #writeAcks(): void {
    for (const line of this.#acked) {
      line.acked = false;
      writeAcknowledged(this.#entries, line.session, line.outgoing.acknowledged);
    }
    this.#acked.length = 0;
    this.#isHeard = false;
  }

  /** Steps an input, or keeps what of it must wait: for its turn, or behind what waits already. */
  #step(now: number, input: Input): void {
    if (input.kind !== 'messages') {
      step(this.pool, now, input);
      return;
    }
    const isBehind = this.#waiting.has(input.session);
    const taken = isBehind ? input.skip : this.#stepMessages(now, input, false);
    const line = this.#lines.get(input.session);
    if (taken === WHOLE || line === undefined) return;
    const bytes = input.bytes.slice(input.start, input.end);
    line.waiting.push({ ...input, bytes, start: 0, end: bytes.length, skip: taken });
    this.#waiting.add(input.session);
  }

  /** Goes on with what was left off, if it may, behind what others had to say. */
  #resume(now: number, session: number): void {
    const line = this.#lines.get(session);
    if (line === undefined || this.isCongested(session)) return;
    const { waiting } = line;
    let [done, hasMoved] = [0, false];
    for (; done < waiting.length; done++) {
      const input = waiting[done] as MessagesInput;
      const taken = this.#stepMessages(now, input, true);
      hasMoved ||= taken !== input.skip;
      if (taken === WHOLE) continue;
      waiting[done] = { ...input, skip: taken };
      break;
    }
    waiting.splice(0, done);
    // Who has moved stands behind those who have not.
    if (hasMoved) this.#waiting.delete(session);
    if (waiting.length > 0) this.#waiting.add(session);
  }

  #stepMessages(now: number, input: MessagesInput, isResumed: boolean): number {
    if (!this.#turns.begin(input.session, nextOf(input), isResumed)) return input.skip;
    this.#stepping = input;
    const taken = step(this.pool, now, input, this.#turns);
    this.#turns.pause();
    this.#stepping = null;
    return taken;
  }

  #takeFrames(): Frame[] {
    const frames: Frame[] = [];
    for (const session of this.pool.dirty) {
      const line = this.#lines.get(session.id);
      const { out } = session;
      if (line !== undefined && session.outMessages > 0) {
        for (const part of splitMessages(out.bytes, out.at, session.outMessages)) {
          const bytes = this.#lines.frame(line, part.bytes, part.count);
          frames.push({ session: session.id, last: line.outgoing.last, bytes });
        }
      }
      session.drained();
    }
    this.pool.dirty.length = 0;
    for (const effect of this.pool.effects) {
      if (effect.kind !== 'session-ended') continue;
      this.#lines.forget(effect.session);
      this.#waiting.delete(effect.session);
    }
    return frames;
  }

  #takeReceived(): number[] {
    const received: number[] = [];
    for (const line of this.#heard) {
      line.heard = false;
      received.push(line.session, line.incoming.received);
    }
    this.#heard.length = 0;
    return received;
  }
}
