import { refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import {
  FRAME,
  FrameAssembler,
  type Hello,
  readAck,
  readHello,
  writeAck,
  writeRefuse,
} from '../protocol/index.js';
import type { Link } from '../transport/index.js';
import { notAttacca } from './handshake.js';
import { HeldFrames } from './held-frames.js';
import { SERVER_LIMITS } from './limits.js';

/** Of the size field, which does not count itself. */
const HELLO_SIZE_MAX = SERVER_LIMITS.helloBytesMax - 4;

/** What a connection asks of the server; each may refuse with an AttaccaError. */
export interface ConnectionHost {
  /** Answers HELLO, now or later, by `accept`; returns the session it carries from now on. */
  hello(connection: ControlConnection, hello: Hello): number;
  /** Takes the body of a MESSAGES frame, whose bytes stay as they are. */
  messages(connection: ControlConnection, bytes: Uint8Array, start: number, end: number): void;
  ack(connection: ControlConnection, ack: number): void;
  /** Whether the session owes so many acknowledgements that its requests must wait. */
  isCongested(session: number): boolean;
  /** Whether so much has come from all together that a batch must be stepped first. */
  readonly isFull: boolean;
  /** The connection holds frames back and stands still until that has been done. */
  hold(connection: ControlConnection): void;
  closed(connection: ControlConnection): void;
  /** Our own fault: ends the server. */
  crashed(error: unknown): void;
  now(): number;
  /** How long a connection may be open without HELLO. */
  readonly handshakeMsMax: number;
}

/**
 * One control connection: frames off the link, HELLO first, then messages of the session that it
 * carries. Whatever a peer sends ends at worst its own connection, with REFUSE.
 *
 *   hello --HELLO--> opening --ACCEPT--> open --link lost, refused, taken over--> closed
 *     `---refused, silent---`---refused, link lost---------------------------------^
 *
 * What comes while it is opening takes effect as what comes later; it hears nothing before ACCEPT.
 */
export class ControlConnection {
  readonly link: Link;
  state: 'hello' | 'opening' | 'open' | 'closed' = 'hello';
  /** 0 until HELLO. */
  session = 0;
  /** Over TCP, from another host: only then does silence mean something. */
  isRemote = false;
  lastHeardMs: number;
  lastSentMs: number;
  /** Resolves when the link is closed. */
  readonly gone: Promise<void>;

  readonly #host: ConnectionHost;
  readonly #assembler = new FrameAssembler(HELLO_SIZE_MAX);
  readonly #held = new HeldFrames();
  #isHalted = false;
  readonly #handshakeTimer: NodeJS.Timeout;

  constructor(link: Link, host: ConnectionHost) {
    this.link = link;
    this.#host = host;
    this.lastHeardMs = host.now();
    this.lastSentMs = this.lastHeardMs;
    this.#handshakeTimer = setTimeout(() => {
      const ms = host.handshakeMsMax;
      this.refuse(new AttaccaError('bad-frame', `Cannot go on: no HELLO within ${ms} ms`));
    }, host.handshakeMsMax);
    this.#handshakeTimer.unref();
    link.onData = (chunk) => this.#receive(chunk);
    link.onDrain = () => {
      if (!this.#isHalted) link.resume();
    };
    this.gone = new Promise((resolve) => {
      link.onClose = () => {
        this.#close();
        resolve();
      };
    });
  }

  /** Sends frames; a peer that does not take them is read from no more until it does. */
  write(bytes: Uint8Array): void {
    this.lastSentMs = this.#host.now();
    this.link.write(bytes);
    if (this.link.isFull) this.link.pause();
  }

  /** The session is there: sends ACCEPT. */
  accept(bytes: Uint8Array): void {
    if (this.state === 'closed') return;
    this.state = 'open';
    this.write(bytes);
    this.releaseHeld();
  }

  writeAck(ack: number): void {
    const writer = new Writer(16);
    writeAck(writer, ack);
    this.write(writer.written());
  }

  /** Reads no more for now: what was read is more than is answered at once. */
  halt(): void {
    this.#isHalted = true;
    this.link.pause();
  }

  readOn(): void {
    this.#isHalted = false;
    if (this.state !== 'closed' && !this.link.isFull) this.link.resume();
  }

  /** Ends the connection with a reason that the peer can read. */
  refuse(error: AttaccaError): void {
    if (this.state === 'closed') return;
    const writer = new Writer();
    writeRefuse(writer, error);
    this.link.write(writer.written());
    this.close();
  }

  /** Ends the connection after what is queued. */
  close(): void {
    this.link.close();
    this.#close();
  }

  destroy(): void {
    this.link.destroy();
    this.#close();
  }

  /**
   * The session has caught up: what was read ahead takes effect, as far as it may. It never throws,
   * as others call it, too: what is wrong in a frame that was held ends this connection alone.
   */
  releaseHeld(): void {
    this.#guarded(() => this.#releaseHeld());
  }

  #releaseHeld(): void {
    while (this.state === 'open' && !this.#host.isCongested(this.session)) {
      if (this.#host.isFull) {
        if (!this.#held.isEmpty) this.#hold();
        return;
      }
      const body = this.#held.shift();
      if (body === null) return;
      this.#host.messages(this, body, 0, body.length);
    }
  }

  #receive(chunk: Uint8Array): void {
    this.lastHeardMs = this.#host.now();
    this.#guarded(() => {
      this.#assembler.push(chunk);
      // Refused in mid-chunk: the rest of the chunk is nobody's.
      while (this.state !== 'closed' && this.#next()) this.#frame(chunk);
    });
  }

  /** Takes what a peer has sent: its faults end its connection, ours the server. */
  #guarded(take: () => void): void {
    try {
      take();
    } catch (error) {
      if (error instanceof AttaccaError) this.refuse(error);
      else this.#host.crashed(error);
    }
  }

  #next(): boolean {
    try {
      return this.#assembler.next();
    } catch (error) {
      const isForeign = error instanceof AttaccaError && !isLargeHello(error);
      if (this.state === 'hello' && isForeign) throw notAttacca(error);
      throw error;
    }
  }

  #frame(chunk: Uint8Array): void {
    const { kind, bytes, start, end } = this.#assembler;
    if (this.state === 'hello') {
      if (kind !== FRAME.hello) refuse('bad-frame', 'Cannot go on: the first frame is not HELLO');
      const hello = readHello(bytes, start, end);
      this.state = 'opening';
      this.session = this.#host.hello(this, hello);
      this.#assembler.frameBytesMax = LIMITS.frameBytesMax;
      clearTimeout(this.#handshakeTimer);
    } else if (kind === FRAME.messages) {
      // A frame that was put together lies in a buffer that the next one uses again.
      if (bytes.buffer === chunk.buffer) this.#messages(bytes, start, end);
      else this.#messages(bytes.slice(start, end), 0, end - start);
    } else if (kind === FRAME.ack) {
      this.#host.ack(this, readAck(bytes, start, end));
      this.releaseHeld();
    } else {
      refuse('bad-frame', `Cannot go on: a client sends no frame of kind ${kind} here`);
    }
  }

  /**
   * While the session owes acknowledgements its requests are held, but read: the acknowledgement
   * that frees it stands behind them. When that would be too much the connection ends, and taking
   * the session up again says what has been received.
   */
  #messages(bytes: Uint8Array, start: number, end: number): void {
    const { isFull } = this.#host;
    if (this.#held.isEmpty && !isFull && !this.#host.isCongested(this.session)) {
      this.#host.messages(this, bytes, start, end);
      return;
    }
    if (isFull) this.#hold();
    this.#host.ack(this, this.#held.push(bytes, start, end));
    this.releaseHeld();
  }

  #hold(): void {
    this.halt();
    this.#host.hold(this);
  }

  #close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    clearTimeout(this.#handshakeTimer);
    this.#held.clear();
    this.#host.closed(this);
  }
}

/** Whether it may be a HELLO that is too large: text of other protocols is a far larger number. */
function isLargeHello({ code, fields }: AttaccaError): boolean {
  return code === 'frame-too-large' && Number(fields['size']) <= LIMITS.frameBytesMax;
}
