import type { Socket } from 'node:net';
import { LIMITS } from '../core/limits.js';
import { LINK_LIMITS } from './limits.js';

/**
 * One connection as bytes in both directions. What is written in one turn of the event loop goes
 * out as one write at its end. The owner sets the handlers before it returns to the event loop.
 */
export interface Link {
  readonly kind: 'unix' | 'tcp';
  /** Of the peer, for people: an address, or that of the Unix socket. */
  readonly peer: string;
  /** TCP: the address under which the peer reached us; Unix: empty. */
  readonly localHost: string;
  /** Bytes written that the kernel has not taken yet. */
  readonly bytesQueued: number;
  /** Whether more is queued than a peer may leave unread: stop making more for it. */
  readonly isFull: boolean;
  readonly isClosed: boolean;

  /** Bytes that came; they are the handler's to keep. */
  onData: (chunk: Uint8Array) => void;
  /** The link has ended, once. `error` is what the system said, or null. */
  onClose: (error: Error | null) => void;
  /** All that was queued has been taken by the kernel, after some of it had to wait. */
  onDrain: () => void;

  /** Queues bytes, which nobody may change until they are sent; nothing after the end. */
  write(bytes: Uint8Array): void;
  /** Sends what this turn has queued now, not at its end. */
  flush(): void;
  /** Stops `onData`, so that the peer comes to a halt. Idempotent. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes; gives up on a peer that does not read. Idempotent. */
  close(): void;
  /** Closes at once; what is queued is lost. Idempotent. */
  destroy(): void;
  /** Whether an open link keeps the process alive: it does until `unref`. */
  ref(): void;
  unref(): void;
}

const nothing = (): void => {};

/** A link over a connected socket of Node. */
export class SocketLink implements Link {
  readonly kind: 'unix' | 'tcp';
  readonly peer: string;
  readonly localHost: string;
  onData: (chunk: Uint8Array) => void = nothing;
  onClose: (error: Error | null) => void = nothing;
  onDrain: () => void = nothing;

  readonly #socket: Socket;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #flushPlanned = false;
  #closing = false;
  #isClosed = false;
  #error: Error | null = null;
  readonly #flushPlan = (): void => {
    this.#flushPlanned = false;
    this.flush();
  };

  constructor(socket: Socket, kind: 'unix' | 'tcp', peer: string) {
    this.#socket = socket;
    this.kind = kind;
    this.peer = peer;
    this.localHost = kind === 'tcp' ? (socket.localAddress ?? '') : '';
    if (kind === 'tcp') {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, LINK_LIMITS.keepAliveMs);
    }
    socket.on('data', (chunk: Uint8Array) => {
      if (!this.#closing) this.onData(chunk);
    });
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#gathered = [];
      this.#gatheredBytes = 0;
      this.onClose(this.#error);
    });
  }

  get bytesQueued(): number {
    return this.#gatheredBytes + this.#socket.writableLength;
  }

  get isFull(): boolean {
    return this.bytesQueued > LIMITS.sendQueueBytesMax;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(bytes: Uint8Array): void {
    if (this.#closing || this.#isClosed) return;
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    process.nextTick(this.#flushPlan);
  }

  flush(): void {
    const chunks = this.#gathered;
    const first = chunks[0];
    if (first === undefined || !this.#socket.writable) return;
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (chunks.length === 1) {
      this.#socket.write(first);
    } else if (bytes <= LINK_LIMITS.gatherBytesMax) {
      this.#socket.write(Buffer.concat(chunks, bytes));
    } else {
      this.#socket.cork();
      for (const chunk of chunks) this.#socket.write(chunk);
      this.#socket.uncork();
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#closing || this.#isClosed) return;
    this.flush();
    this.#closing = true;
    this.#socket.end();
    // What still comes is read and dropped: unread bytes would make the kernel reset the
    // connection, and the peer would lose our last words.
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), LINK_LIMITS.closeMsMax);
    timer.unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }

  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}
