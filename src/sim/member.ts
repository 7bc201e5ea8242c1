import { Writer } from '../core/bytes.js';
import {
  FRAME,
  FrameAssembler,
  MESSAGE,
  Messages,
  Ok,
  ROLE,
  readAccept,
  readAck,
  readOk,
  readRefuse,
  VERSION_MAX,
  VERSION_MIN,
  writeAck,
  writeHello,
} from '../protocol/index.js';
import { Incoming } from '../session/incoming.js';
import { Outgoing } from '../session/outgoing.js';
import { type Answer, OK, readAnswer, readTold, type ToldPart } from './answers.js';
import type { Dice } from './dice.js';
import { readSaid } from './event-check.js';
import type { About, Said } from './event-state.js';
import type { Connection, End } from './network.js';
import type { Oracle } from './oracle.js';
import type { Expected, MSession } from './oracle-state.js';
import type { Scheduler } from './scheduler.js';
import { must } from './violation.js';

/** A request as it was meant, for the model and for who asked. */
export interface Request {
  /** For people. */
  readonly words: string;
  /** What the model makes of it; null: it waits. */
  readonly apply: (oracle: Oracle, session: MSession, request: number) => Expected | null;
  /** What its answer means to who asked; `contents`: what stands for the bytes of a DELIVER. */
  readonly onAnswer: (answer: Answer, contents: readonly Uint8Array[]) => void;
  /** How long it may wait after it has arrived, ms; Infinity: without end. */
  readonly waitsMs: number;
  /** What it is about, where others may be told before; null: nobody is. */
  readonly about: About | null;
}

/** What a process tells the world it lives in. */
interface ProcessHost {
  readonly scheduler: Scheduler;
  readonly network: {
    /** Whether somebody listens. */
    isServed(): boolean;
    connect(end: End): Connection;
  };
  readonly dice: Dice;
  /** A request was answered, for the first time; returns the contents that a DELIVER must have. */
  onAnswer(process: ClientProcess, number: number, answer: Answer): readonly Uint8Array[];
  /** A subscription of it was told something. */
  onTold(said: Said): void;
  /** It has lost its session before it knew it, and ends. */
  onGivenUp(process: ClientProcess): void;
  trace(words: () => string): void;
}

const RECONNECT_MS_MAX = 100;
const ACK_SOON_MS = 500;
const NO_SECRET = new Uint8Array(0);
const SECRET = new Uint8Array(32).fill(1);

/**
 * A client process: the halves of its session as the client's lifeline uses them, on one connection
 * after another. It may be stopped (it neither reads nor writes, and is alive) and die at any time.
 */
export class ClientProcess implements End {
  readonly id: number;
  state: 'runs' | 'stopped' | 'dead' | 'ended' = 'runs';
  /** 0 until ACCEPT. */
  session = 0;
  readonly outgoing = new Outgoing();
  readonly incoming = new Incoming();
  readonly requests: Request[] = [];
  /** Numbers of the requests that are not answered. */
  readonly open = new Set<number>();
  /** Who hears what its subscriptions are told, by their numbers. */
  readonly listeners = new Map<number, (event: Said) => void>();
  connection: Connection | null = null;
  isEnding = false;
  readonly #host: ProcessHost;
  readonly #writer = new Writer(1_024);
  readonly #messages = new Messages();
  readonly #ok = new Ok();
  /** What PARTS told, by the request whose DELIVER is to come. */
  readonly #told = new Map<number, readonly ToldPart[]>();
  #written = 0;
  #assembler = new FrameAssembler();
  #up = false;
  #mayWrite = false;
  #ackPlanned = false;
  /** What came while it was stopped. */
  #backlog: (() => void)[] = [];

  constructor(id: number, host: ProcessHost) {
    this.id = id;
    this.#host = host;
  }

  get isAlive(): boolean {
    return this.state === 'runs' || this.state === 'stopped';
  }

  /** Writes a request; it leaves with the others at `flush`. Returns its number. */
  request(write: (w: Writer) => void, request: Request): number {
    write(this.#writer);
    this.#written++;
    this.requests.push(request);
    const number = this.requests.length;
    this.open.add(number);
    this.#host.trace(() => `process ${this.id} asks ${number}: ${request.words}`);
    return number;
  }

  /** Sends what was asked as one frame. */
  flush(): void {
    if (this.#written === 0) return;
    const messages = this.#writer.bytes.subarray(0, this.#writer.at);
    const frame = this.outgoing.frame(messages, this.#written, this.incoming.received);
    this.#writer.reset();
    this.#written = 0;
    this.incoming.acknowledged();
    if (this.#mayWrite) this.connection?.toManager(frame);
  }

  connect(): void {
    if (!this.isAlive || this.connection !== null) return;
    if (!this.#host.network.isServed()) {
      this.#reconnect();
      return;
    }
    const connection = this.#host.network.connect(this);
    this.connection = connection;
    this.#assembler = new FrameAssembler();
    const w = new Writer(256);
    writeHello(w, {
      lowest: VERSION_MIN,
      highest: VERSION_MAX,
      role: ROLE.control,
      token: '',
      pool: '',
      session: this.session,
      secret: this.session === 0 ? NO_SECRET : SECRET,
      received: this.incoming.received,
      process: {},
    });
    connection.toManager(w.written());
    if (this.session === 0) this.#writeUnacknowledged();
  }

  stop(): void {
    if (this.state === 'runs') this.state = 'stopped';
  }

  goOn(): void {
    if (this.state !== 'stopped') return;
    this.state = 'runs';
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const action of backlog) action();
  }

  /** kill -9. The kernel closes its connection. */
  die(): void {
    if (!this.isAlive) return;
    this.state = 'dead';
    this.connection?.cut();
    this.#drop();
  }

  /** It gives a connection up that still works, and goes on with another. */
  switchConnection(): void {
    if (this.state !== 'runs' || this.session === 0 || this.connection === null) return;
    this.#drop();
    this.connect();
  }

  /** Sends again all that is not acknowledged, though nothing was lost. */
  sendAgain(): void {
    if (this.state === 'runs' && this.#up) this.#writeUnacknowledged();
  }

  onBytes(connection: Connection, bytes: Uint8Array): void {
    this.whenRunning(() => {
      if (this.connection !== connection) return;
      this.#assembler.push(bytes);
      while (this.#assembler.next()) {
        this.#onFrame();
        if (this.connection !== connection) return;
      }
      this.#planAck();
    });
  }

  onClosed(connection: Connection): void {
    this.whenRunning(() => {
      if (this.connection !== connection) return;
      this.#drop();
      if (this.isEnding && this.open.size === 0) this.state = 'ended';
      else if (this.session === 0) this.#giveUp();
      else this.#reconnect();
    });
  }

  /** Does it now, or when the process goes on; never when it is dead. */
  whenRunning(action: () => void): void {
    if (this.state === 'runs') action();
    else if (this.state === 'stopped') this.#backlog.push(action);
  }

  #drop(): void {
    this.connection = null;
    this.#up = false;
    this.#mayWrite = false;
  }

  #giveUp(): void {
    this.die();
    this.#host.onGivenUp(this);
  }

  #reconnect(): void {
    const { dice, scheduler } = this.#host;
    scheduler.after(dice(RECONNECT_MS_MAX), () => this.whenRunning(() => this.connect()));
  }

  #writeUnacknowledged(): void {
    this.#mayWrite = true;
    for (const frame of this.outgoing.resend(this.incoming.received)) {
      this.connection?.toManager(frame);
    }
    this.incoming.acknowledged();
  }

  #planAck(): void {
    const due = this.incoming.ackDue;
    if (due === 'now') this.#writeAck();
    else if (due === 'soon' && !this.#ackPlanned) {
      this.#ackPlanned = true;
      this.#host.scheduler.after(ACK_SOON_MS, () => {
        this.#ackPlanned = false;
        this.whenRunning(() => this.#writeAck());
      });
    }
  }

  #writeAck(): void {
    if (!this.#up || this.incoming.ackDue === 'no') return;
    this.incoming.acknowledged();
    const w = new Writer(16);
    writeAck(w, this.incoming.received);
    this.connection?.toManager(w.written());
  }

  #onFrame(): void {
    const { kind, bytes, start, end } = this.#assembler;
    if (kind === FRAME.refuse) {
      this.#onRefuse(readRefuse(bytes, start, end).code);
    } else if (kind === FRAME.accept) {
      const { session, received, resumed } = readAccept(bytes, start, end);
      this.#onAccept(session, received, resumed);
    } else if (kind === FRAME.messages) {
      this.#onMessages(bytes, start, end);
    } else {
      this.#acknowledge(readAck(bytes, start, end));
    }
  }

  #onRefuse(code: string): void {
    this.#host.trace(() => `process ${this.id} is refused: ${code}`);
    this.connection?.cut();
    this.#drop();
    if (this.session === 0) this.#giveUp();
    else if (code === 'session-unknown' && this.isEnding) this.state = 'ended';
    else {
      const words = (): string => `process ${this.id} lives, its session is refused: ${code}`;
      must(code !== 'session-unknown', 'sessions are kept', words);
      this.#reconnect();
    }
  }

  #onAccept(session: number, received: number, resumed: boolean): void {
    const isFirst = this.session === 0;
    must(
      isFirst !== resumed,
      'sessions are resumed',
      () => `process ${this.id}: resumed is ${resumed}`,
    );
    this.session = session;
    this.#up = true;
    const { acknowledged } = this.outgoing;
    const words = (): string =>
      `session ${session}: requests to ${acknowledged} were acknowledged, the pool has ${received}`;
    must(received >= acknowledged, 'requests are kept', words);
    this.#acknowledge(received);
    if (!isFirst) this.#writeUnacknowledged();
  }

  #acknowledge(number: number): void {
    const words = (): string => `session ${this.session}: ack ${number} of what was not sent`;
    must(this.outgoing.acknowledge(number), 'acks are of what came', words);
  }

  #onMessages(bytes: Uint8Array, start: number, end: number): void {
    const messages = this.#messages;
    messages.open(bytes, start, end);
    this.#acknowledge(messages.ack);
    const skip = this.incoming.take(messages.first, messages.count, end - start);
    must(skip >= 0, 'no gaps', () => `session ${this.session}: a gap at ${messages.first}`);
    for (let index = 0; messages.next(); index++) {
      if (index < skip) continue;
      if (messages.code === MESSAGE.ok) {
        readOk(messages.reader, this.#ok);
        const { first, last } = this.#ok;
        for (let number = first; number <= last; number++) this.#onAnswer(number, OK);
      } else {
        if (messages.code === MESSAGE.parts) {
          const { request, parts } = readTold(messages);
          this.#told.set(request, [...(this.#told.get(request) ?? []), ...parts]);
          continue;
        }
        if (messages.code === MESSAGE.event) {
          const { subscription, said } = readSaid(messages.reader);
          const what = `${said.n} of ${subscription}: ${said.kind} ${said.name || said.topic}`;
          this.#host.trace(() => `process ${this.id} is told ${what}`);
          this.#host.onTold(said);
          this.listeners.get(subscription)?.(said);
          continue;
        }
        const read = readAnswer(messages, (request) => this.#told.get(request) ?? []);
        if (read !== null) this.#onAnswer(read.request, read.answer);
      }
    }
  }

  #onAnswer(number: number, answer: Answer): void {
    const words = (): string => `session ${this.session}: request ${number} is answered again`;
    must(this.open.delete(number), 'answered once', words);
    this.#host.trace(() => `process ${this.id} has answer ${number}: ${answer.kind}`);
    const contents = this.#host.onAnswer(this, number, answer);
    this.#told.delete(number);
    this.requests[number - 1]?.onAnswer(answer, contents);
  }
}
