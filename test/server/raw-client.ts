import { assert } from '../../src/core/assert.js';
import { Reader, Writer } from '../../src/core/bytes.js';
import { ownIdentity } from '../../src/levels/process-identity.js';
import {
  type Accept,
  beginMessages,
  endFrame,
  FRAME,
  FrameAssembler,
  type Hello,
  MESSAGE,
  Messages,
  Ok,
  type Refuse,
  readAccept,
  readOk,
  readRefuse,
  writeAck,
  writeHello,
} from '../../src/protocol/index.js';
import { connect, type Link, parseAddress, tokenOf } from '../../src/transport/index.js';

/** A frame as it came, its body a copy. */
export interface RawFrame {
  readonly kind: number;
  readonly body: Uint8Array;
}

export interface RawAnswer {
  readonly number: number;
  readonly code: number;
  readonly body: Uint8Array;
}

const NO_SECRET = new Uint8Array(0);

/** Speaks the protocol frame by frame, so that tests can break it where they like. */
export class RawClient {
  readonly link: Link;
  accepted: Accept | null = null;
  /** Number of the last request sent, of the last message received. */
  sent = 0;
  received = 0;
  closed = false;
  readonly frames: RawFrame[] = [];
  readonly answers: RawAnswer[] = [];
  #failure: Error | null = null;
  #wake: (() => void)[] = [];
  readonly #assembler: FrameAssembler;

  static async connect(address: string): Promise<RawClient> {
    return new RawClient(await connect(parseAddress(address)));
  }

  /** Connects and opens a session as this process. */
  static async open(address: string, hello: Partial<Hello> = {}): Promise<RawClient> {
    const client = await RawClient.connect(address);
    await client.hello({ token: await tokenOf(parseAddress(address)), ...hello });
    return client;
  }

  constructor(link: Link) {
    this.link = link;
    this.#assembler = new FrameAssembler();
    link.onData = (chunk) => {
      try {
        this.#assembler.push(chunk);
        while (this.#assembler.next()) this.#frame();
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
      }
      this.#notify();
    };
    link.onClose = () => {
      this.closed = true;
      this.#notify();
    };
  }

  #frame(): void {
    const { kind, bytes, start, end } = this.#assembler;
    const body = bytes.slice(start, end);
    this.frames.push({ kind, body });
    if (kind !== FRAME.messages) return;
    const messages = new Messages();
    messages.open(body, 0, body.length);
    while (messages.next()) {
      if (messages.number <= this.received) continue;
      this.received = messages.number;
      const { number, code, reader } = messages;
      this.answers.push({ number, code, body: body.slice(reader.at, reader.limit) });
    }
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Resolves when something is so; fails when the link closes before. */
  async until<T>(what: () => T | null | undefined | false): Promise<T> {
    for (;;) {
      const found = what();
      if (found !== null && found !== undefined && found !== false) return found;
      if (this.#failure !== null) throw this.#failure;
      if (this.closed) throw new Error('the link closed before');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  static process(): Hello['process'] {
    const own = ownIdentity();
    return {
      client: 'raw test client',
      host: own.hostname,
      pid: own.pid,
      startTime: Number(own.startTime ?? 0),
      bootId: own.bootId ?? '',
      pidNamespace: own.pidNamespace ?? '',
      command: 'test',
    };
  }

  writeHello(hello: Partial<Hello>): void {
    const writer = new Writer();
    writeHello(writer, {
      lowest: 1,
      highest: 1,
      role: 0,
      token: '',
      pool: '',
      session: 0,
      secret: NO_SECRET,
      received: 0,
      process: RawClient.process(),
      ...hello,
    });
    this.link.write(writer.written());
  }

  /** Says HELLO and waits for ACCEPT. */
  async hello(hello: Partial<Hello>): Promise<Accept> {
    this.writeHello(hello);
    const frame = await this.until(() =>
      this.frames.find(({ kind }) => kind === FRAME.accept || kind === FRAME.refuse),
    );
    if (frame.kind === FRAME.refuse) {
      const { code, message } = readRefuse(frame.body, 0, frame.body.length);
      throw new Error(`refused: ${code}: ${message}`);
    }
    this.accepted = readAccept(frame.body, 0, frame.body.length);
    return this.accepted;
  }

  get accept(): Accept {
    assert(this.accepted !== null, 'the session is open');
    return this.accepted;
  }

  /** The bytes of a frame with the messages that `write` makes; gives them numbers. */
  frame(count: number, write: (w: Writer) => void): Uint8Array {
    const writer = new Writer();
    const start = beginMessages(writer, this.sent + 1, this.received);
    write(writer);
    endFrame(writer, start);
    this.sent += count;
    return writer.written().slice();
  }

  /** Sends one request; returns its number. */
  send(write: (w: Writer) => void): number {
    this.link.write(this.frame(1, write));
    return this.sent;
  }

  ack(): void {
    const writer = new Writer();
    writeAck(writer, this.received);
    this.link.write(writer.written());
  }

  /** Waits for OK of a request. */
  async ok(request: number): Promise<void> {
    const answer = await this.until(() => this.answers.find((each) => answers(each, request)));
    if (answer.code !== MESSAGE.ok) throw new Error(`request ${request}: answer ${answer.code}`);
  }

  /** Waits for the answer of a request, whatever it is. */
  async answer(request: number): Promise<RawAnswer> {
    return await this.until(() => this.answers.find((each) => answers(each, request)));
  }

  async refused(): Promise<Refuse> {
    const frame = await this.until(() => this.frames.find(({ kind }) => kind === FRAME.refuse));
    return readRefuse(frame.body, 0, frame.body.length);
  }
}

/** Whether an answer is that of a request. */
function answers(answer: RawAnswer, request: number): boolean {
  const reader = new Reader(answer.body);
  if (answer.code === MESSAGE.ok) {
    const ok = new Ok();
    readOk(reader, ok);
    return ok.first <= request && request <= ok.last;
  }
  return answer.code < MESSAGE.reclaim && reader.u64() === request;
}
