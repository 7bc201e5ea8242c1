import { refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { Access } from '../levels/shm/index.js';
import {
  FRAME,
  type Hello,
  ROLE,
  readHello,
  readRead,
  writeAccept,
  writeDone,
  writeFailed,
  writeRefuse,
} from '../protocol/index.js';
import type { Link } from '../transport/index.js';
import type { Range, Why } from './agent-messages.js';
import { DataFrames } from './data-frames.js';
import { notAttacca } from './handshake.js';
import { SERVER_LIMITS } from './limits.js';
import { Reads } from './reads.js';
import type { PinnedRange } from './slab-store.js';
import type { WriteGates } from './write-gates.js';
import { WriteTransfer } from './write-transfer.js';

/** What a data connection asks of its thread, which asks the pool. */
export interface DataHost {
  /** Checks HELLO; the accept to send back. Throws an AttaccaError to refuse. */
  open(connection: DataConnection, hello: Hello): Promise<Parameters<typeof writeAccept>[1]>;
  askWrite(connection: DataConnection, range: Range): Promise<GrantedRange | Why>;
  askRead(connection: DataConnection, range: Range): Promise<Why | null>;
  /** What is copied under a grant passes the gate of the connection's slot. */
  readonly gates: WriteGates;
  /** The bytes of a range, until they are released. */
  pin(range: Range, access: Access): Promise<PinnedRange | Why>;
  closed(connection: DataConnection): void;
}

/** A part of a slab that a session may write to, until its slot has another generation. */
export interface GrantedRange {
  readonly slab: number;
  readonly start: number;
  readonly end: number;
  readonly generation: number;
}

/**
 * One data connection. Frames are worked on one after the other; while the pool is asked, the link
 * is paused. Nothing of it runs on the thread of the pool.
 */
export class DataConnection {
  readonly link: Link;
  readonly slot: number;
  /** 0 until its HELLO has shown the session's secret. */
  session = 0;
  isClosed = false;
  readonly #host: DataHost;
  readonly #frames = new DataFrames();
  readonly #reads: Reads;
  readonly #handshakeTimer: NodeJS.Timeout;
  readonly #writes: WriteTransfer;
  #isOpen = false;
  #isWorking = false;

  constructor(link: Link, slot: number, host: DataHost) {
    this.link = link;
    this.slot = slot;
    this.#host = host;
    this.#reads = new Reads(link);
    this.#writes = new WriteTransfer(this, host);
    this.#handshakeTimer = setTimeout(() => {
      const ms = SERVER_LIMITS.handshakeMsMax;
      this.refuse(new AttaccaError('bad-frame', `Cannot go on: no HELLO within ${ms} ms`));
    }, SERVER_LIMITS.handshakeMsMax);
    this.#handshakeTimer.unref();
    link.onData = (chunk) => {
      this.#frames.push(chunk);
      this.#work();
    };
    link.onDrain = () => {
      this.#reads.pump();
      this.#work();
    };
    link.onClose = () => this.#closed();
  }

  refuse(error: AttaccaError): void {
    const writer = new Writer();
    writeRefuse(writer, error);
    this.link.write(writer.written());
    this.link.close();
  }

  done(transfer: number, size: number): void {
    const writer = new Writer(32);
    writeDone(writer, transfer, size);
    this.link.write(writer.written());
  }

  failed(transfer: number, why: Why): void {
    const writer = new Writer();
    writeFailed(writer, transfer, why.code, why.message);
    this.link.write(writer.written());
  }

  /** Works on what has come, in order; one at a time, also while it waits for the pool. */
  #work(): void {
    if (this.#isWorking || this.isClosed) return;
    this.#isWorking = true;
    // What is no refusal is a bug, and ends the thread.
    void this.#workAll();
  }

  /**
   * It is over in the tick in which it finds nothing more: promises settle only after all ticks
   * of a turn (a drain, then data), and what came in between would be left to nobody.
   */
  async #workAll(): Promise<void> {
    try {
      while (this.#mayGoOn()) {
        const event = this.#next();
        if (event === null) {
          this.#reads.pump();
          this.link.resume();
          return;
        }
        // Most of what comes needs no answer of the pool: no promise is made for it.
        const waits = event === 'frame' ? this.#frame() : this.#write(event);
        if (waits === null) continue;
        this.link.pause();
        await waits;
      }
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      this.refuse(error);
    } finally {
      this.#isWorking = false;
    }
  }

  /** A peer that does not read what it asked for is read from no more. */
  #mayGoOn(): boolean {
    if (this.isClosed) return false;
    if (this.#reads.size >= SERVER_LIMITS.transfersMax) this.#reads.pump();
    if (this.#reads.size < SERVER_LIMITS.transfersMax && !this.link.isFull) return true;
    this.link.pause();
    return false;
  }

  #next(): ReturnType<DataFrames['next']> {
    try {
      return this.#frames.next();
    } catch (error) {
      if (!this.#isOpen && error instanceof AttaccaError) throw notAttacca(error);
      throw error;
    }
  }

  #write(event: 'write' | 'payload'): Promise<void> | null {
    if (!this.#isOpen) refuse('bad-frame', 'Cannot go on: the first frame is not HELLO');
    const frames = this.#frames;
    const waits = event === 'write' ? this.#writes.begin(frames) : this.#writes.take(frames);
    if (waits !== null) return waits;
    if (frames.writeEnds) this.#writes.end();
    return null;
  }

  #frame(): Promise<void> {
    const { kind, bytes, start, end } = this.#frames;
    if (!this.#isOpen) {
      if (kind !== FRAME.hello) refuse('bad-frame', 'Cannot go on: the first frame is not HELLO');
      return this.#hello(readHello(bytes, start, end));
    }
    if (kind !== FRAME.read) {
      refuse('bad-frame', `Cannot go on: a client sends no frame of kind ${kind} here`);
    }
    const { transfer, slab, offset, size } = readRead(bytes, start, end);
    return this.#read(transfer, { slab, offset, size });
  }

  async #hello(hello: Hello): Promise<void> {
    if (hello.role !== ROLE.data) {
      refuse('bad-frame', 'Cannot carry messages here: this is for data connections');
    }
    const accept = await this.#host.open(this, hello);
    if (this.isClosed) return;
    clearTimeout(this.#handshakeTimer);
    this.#isOpen = true;
    const writer = new Writer(1_024);
    writeAccept(writer, accept);
    this.link.write(writer.written());
  }

  async #read(transfer: number, range: Range): Promise<void> {
    const why = await this.#host.askRead(this, range);
    if (this.isClosed) return;
    const pinned = why ?? (await this.#host.pin(range, 'read'));
    if ('code' in pinned) {
      this.failed(transfer, pinned);
    } else if (this.isClosed) {
      pinned.release();
    } else {
      this.#reads.add(transfer, range.offset, pinned);
    }
  }

  #closed(): void {
    this.isClosed = true;
    clearTimeout(this.#handshakeTimer);
    this.#reads.close();
    this.#writes.close();
    this.#host.closed(this);
  }
}
