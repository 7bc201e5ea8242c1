import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Writer } from '../../../src/core/bytes.js';
import {
  FRAME,
  FrameAssembler,
  type Hello,
  Messages,
  readAck,
  readHello,
  writeAccept,
  writeAck,
  writeOk,
  writeRefuse,
  writeWelcome,
} from '../../../src/protocol/index.js';
import { Outgoing } from '../../../src/session/outgoing.js';
import { type AnyMessage, decodeAny } from '../../protocol/decode-any.js';

export type Numbered = AnyMessage & { readonly number: number };

/** Waits that are woken by anything that happens. */
class Bell {
  #waiting: (() => void)[] = [];

  ring(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until<T>(look: () => T | null | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== null && found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** One connection as the pool has it; the test says what is answered. */
export class FakeConnection {
  hello: Hello | null = null;
  /** What has come on this connection, in order; the test takes from the front. */
  readonly messages: Numbered[] = [];
  /** Numbers of all messages that have come, again ones too. */
  readonly numbers: number[] = [];
  acked = 0;
  /** How many chunks have come: one write of the client is one. */
  readonly framesOfChunks: number[] = [];
  isClosed = false;
  readonly #pool: FakePool;
  readonly #socket: Socket;
  readonly #assembler = new FrameAssembler();
  readonly #reader = new Messages();

  constructor(pool: FakePool, socket: Socket) {
    this.#pool = pool;
    this.#socket = socket;
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      pool.bell.ring();
    });
  }

  #onData(chunk: Uint8Array): void {
    this.#assembler.push(chunk);
    let frames = 0;
    while (this.#assembler.next()) {
      frames++;
      this.#onFrame();
    }
    this.framesOfChunks.push(frames);
    this.#pool.bell.ring();
  }

  #onFrame(): void {
    const { kind, bytes, start, end } = this.#assembler;
    if (kind === FRAME.hello) this.hello = readHello(bytes, start, end);
    else if (kind === FRAME.ack) this.#acknowledge(readAck(bytes, start, end));
    else if (kind === FRAME.messages) {
      const reader = this.#reader;
      reader.open(bytes, start, end);
      this.#acknowledge(reader.ack);
      while (reader.next()) {
        this.numbers.push(reader.number);
        if (reader.number <= this.#pool.received) continue;
        this.#pool.received = reader.number;
        this.messages.push({ ...decodeAny(reader.code, reader.reader), number: reader.number });
      }
    }
  }

  #acknowledge(ack: number): void {
    this.acked = ack;
    this.#pool.outgoing.acknowledge(ack);
  }

  /** The next message of a kind; what came before it is skipped. */
  async next<K extends AnyMessage['kind']>(kind: K): Promise<Extract<Numbered, { kind: K }>> {
    return await this.#pool.bell.until(() => {
      const at = this.messages.findIndex((message) => message.kind === kind);
      if (at < 0) return null;
      const [found] = this.messages.splice(0, at + 1).slice(at);
      return found as Extract<Numbered, { kind: K }>;
    });
  }

  async untilHello(): Promise<Hello> {
    return await this.#pool.bell.until(() => this.hello);
  }

  async untilClosed(): Promise<void> {
    await this.#pool.bell.until(() => (this.isClosed ? true : null));
  }

  accept(resumed = false, limits: { readonly [name: string]: number } = {}, slabs = ''): void {
    const w = new Writer();
    writeAccept(w, {
      version: 1,
      poolId: 'fake',
      poolName: 'fake',
      session: 7,
      secret: new Uint8Array(32).fill(7),
      received: resumed ? this.#pool.received : 0,
      resumed,
      pool: { slabs, data: [], limits },
    });
    this.raw(w.written());
    if (resumed)
      for (const frame of this.#pool.outgoing.resend(this.#pool.received)) this.raw(frame);
  }

  refuse(code: string, retryable = false): void {
    const w = new Writer();
    writeRefuse(w, { code, retryable, message: `refused: ${code}`, fields: {} });
    this.raw(w.written());
  }

  /** Sends messages as one frame; it is kept for resume as a pool does. */
  send(count: number, write: (w: Writer) => void): void {
    this.raw(this.#pool.frame(count, write));
  }

  ok(first: number, last: number = first): void {
    this.send(1, (w) => writeOk(w, first, last, 0, 0));
  }

  ack(number: number = this.#pool.received): void {
    const w = new Writer();
    writeAck(w, number);
    this.raw(w.written());
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes.slice());
  }

  /** Bytes that the kernel hands over one by one. */
  async drip(bytes: Uint8Array): Promise<void> {
    this.#socket.setNoDelay(true);
    for (const byte of bytes) {
      await new Promise<void>((resolve) =>
        this.#socket.write(Uint8Array.of(byte), () => resolve()),
      );
    }
  }

  drop(): void {
    this.#socket.destroy();
  }

  /** HELLO, ACCEPT, JOIN, WELCOME: what every test begins with. */
  async open(limits: { readonly [name: string]: number } = {}): Promise<void> {
    await this.untilHello();
    this.accept(false, limits);
    const join = await this.next('join');
    this.send(1, (w) => writeWelcome(w, join.number, { member: 1, name: join.name, granted: {} }));
  }
}

/** A pool that does what a test tells it, frame by frame. */
export class FakePool {
  readonly bell = new Bell();
  readonly address: string;
  readonly connections: FakeConnection[] = [];
  readonly outgoing = new Outgoing();
  /** What a connection is met with, before anything has come on it. */
  greet: (connection: FakeConnection) => void = () => {};
  /** Number of the last message that came, on any connection. */
  received = 0;
  readonly #server: Server;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.address = `unix:${path}`;
  }

  static async start(t: TestContext): Promise<FakePool> {
    const directory = await mkdtemp(join(tmpdir(), 'attacca-fake-'));
    await writeFile(join(directory, 'token'), 'of a fake\n');
    const server = createServer();
    const pool = new FakePool(server, join(directory, 'socket'));
    server.on('connection', (socket) => {
      const connection = new FakeConnection(pool, socket);
      pool.connections.push(connection);
      pool.greet(connection);
      pool.bell.ring();
    });
    await pool.listen();
    t.after(async () => {
      await pool.hide();
      for (const connection of pool.connections) connection.drop();
      await rm(directory, { recursive: true, force: true });
    });
    return pool;
  }

  /** The `index`-th connection that was made. */
  async connection(index: number): Promise<FakeConnection> {
    return await this.bell.until(() => this.connections[index]);
  }

  frame(count: number, write: (w: Writer) => void): Uint8Array {
    const w = new Writer();
    write(w);
    return this.outgoing.frame(w.written(), count, this.received);
  }

  listen(): Promise<void> {
    const path = this.address.slice('unix:'.length);
    return new Promise((resolve) => this.#server.listen(path, resolve));
  }

  /** Takes no more connections. */
  hide(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#server.listening) resolve();
      else this.#server.close(() => resolve());
      for (const connection of this.connections) if (connection.isClosed) connection.drop();
      // `close` waits for connections that are open; they are the test's.
      if (this.connections.some((connection) => !connection.isClosed)) resolve();
    });
  }
}
