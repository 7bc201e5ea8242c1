import { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { formatSeconds } from '../core/format-seconds.js';
import { LIMITS } from '../core/limits.js';
import {
  type Accept,
  DATA_BYTES_MAX,
  FRAME,
  FrameAssembler,
  readData,
  readDone,
  readFailed,
  readRefuse,
  writeRead,
  writeWriteHead,
} from '../protocol/index.js';
import type { Link } from '../transport/index.js';
import type { Bytes } from './arrays.js';
import { asAttaccaError, errorOf } from './errors.js';
import { Gate } from './gate.js';
import { dataHello } from './opening.js';
import type { Slice } from './slice.js';
import { isComplete, receive, type Transfer } from './transfers.js';

/** Bytes of WRITE that are not done: enough to fill a fast link, few enough to hold. */
const WRITE_WINDOW_BYTES = 16 * 1024 * 1024;
const ATTEMPTS_MAX = 5;
const PAUSE_FIRST_MS = 20;
/** How long a connection may stay without ACCEPT. */
const ACCEPT_MS = 10_000;
const TRANSFER_END = 2 ** 32;

interface DataLinkOptions {
  readonly open: () => Promise<{ link: Link; token: string }>;
  /** The session whose bytes move; its secret opens the connection. */
  readonly accept: () => Accept;
  /** Null, or what to wait for when the pool is away: it decides how long that is waited for. */
  readonly back?: () => Promise<void> | null;
  /** How long a connection may stay without ACCEPT; 10 s. */
  readonly acceptMs?: number | undefined;
}

/** Whom the first frames of a connection are told to. */
interface Opening {
  readonly accepted: () => void;
  readonly failed: (error: AttaccaError) => void;
}

/**
 * The data connection of a session (spec/protocol.md, section 9): moves bytes of slices for a
 * process that does not map them. Opened when first needed, shared by all that the process moves.
 * When it is lost, what is not done is begun again on the next one: WRITE and READ of slices that
 * this session holds may be repeated.
 */
export class DataLink {
  readonly #options: DataLinkOptions;
  readonly #transfers = new Map<number, Transfer>();
  readonly #gate = new Gate(() => this.#writeBytes < WRITE_WINDOW_BYTES);
  #link: Link | null = null;
  #opening: Promise<void> | null = null;
  #isUp = false;
  #over: AttaccaError | null = null;
  #next = 1;
  #writeBytes = 0;
  /** Connections that were accepted and lost since a transfer was last done. */
  #lostInVain = 0;
  #acceptedCount = 0;

  constructor(options: DataLinkOptions) {
    this.#options = options;
  }

  /** Whether it was opened once more, perhaps to another manager. */
  get hasReopened(): boolean {
    return this.#acceptedCount > 1;
  }

  /** Moves bytes into a slice that is leased. They must not change until it returns. */
  async write(slice: Slice, bytes: Uint8Array): Promise<void> {
    const parts: Promise<void>[] = [];
    for (let at = 0; at < bytes.length; at += DATA_BYTES_MAX) {
      const part = bytes.subarray(at, Math.min(at + DATA_BYTES_MAX, bytes.length));
      const room = this.#gate.enter();
      if (room !== null) await room;
      this.#writeBytes += part.length;
      const place = { slab: slice.slab, offset: slice.offset + at, size: part.length };
      const moved = this.#move((resolve, reject) => ({
        kind: 'write',
        slice: place,
        bytes: part,
        resolve,
        reject,
      }));
      const settled = moved.finally(() => {
        this.#writeBytes -= part.length;
        this.#gate.open();
      });
      // Awaited below; a failure in the meantime is not unhandled.
      settled.catch(() => {});
      parts.push(settled);
    }
    await Promise.all(parts);
  }

  /** Moves a slice that is held into memory of its own. */
  async read(slice: Slice): Promise<Bytes> {
    const target = new Uint8Array(slice.size);
    await this.#move((resolve, reject) => ({
      kind: 'read',
      slice,
      target,
      received: 0,
      resolve,
      reject,
    }));
    return target;
  }

  close(error: AttaccaError): void {
    if (this.#over !== null) return;
    this.#over = error;
    this.#link?.close();
    this.#link = null;
    this.#failAll(error);
  }

  #move(
    make: (resolve: () => void, reject: (error: AttaccaError) => void) => Transfer,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over !== null) return reject(this.#over);
      const number = this.#takeNumber();
      const transfer = make(resolve, reject);
      this.#transfers.set(number, transfer);
      this.#setBusy();
      if (this.#isUp) this.#send(number, transfer);
      else this.#open();
    });
  }

  #takeNumber(): number {
    do this.#next = (this.#next + 1) % TRANSFER_END;
    while (this.#transfers.has(this.#next));
    return this.#next;
  }

  #open(): void {
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null;
      // Accepted and lost in one turn: what waits must not be forgotten.
      if (this.#link === null && this.#over === null && this.#transfers.size > 0) this.#open();
    });
  }

  async #connect(): Promise<void> {
    if (this.#lostInVain > 0) await pause(this.#lostInVain);
    for (let attempt = 1; ; attempt++) {
      const back = this.#options.back?.() ?? null;
      if (back !== null) {
        await back;
        attempt = 1;
        this.#lostInVain = 0;
      }
      if (this.#over !== null) return;
      try {
        const { link, token } = await this.#options.open();
        if (this.#over !== null) return link.destroy();
        await this.#greet(link, token);
        return;
      } catch (error) {
        const failure = asAttaccaError(error);
        if (this.#over !== null) return;
        if (attempt >= ATTEMPTS_MAX || !failure.retryable) return this.#failAll(failure);
        await pause(attempt);
      }
    }
  }

  /** HELLO, then all that is not done; returns when the pool has accepted. */
  #greet(link: Link, token: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#link = link;
      this.#setBusy();
      const { acceptMs = ACCEPT_MS } = this.#options;
      const timer = setTimeout(() => {
        const text = `Cannot move bytes: no answer from "${link.peer}" within ${formatSeconds(acceptMs)}`;
        failed(new AttaccaError('pool-unreachable', text));
      }, acceptMs);
      const failed = (error: AttaccaError): void => {
        clearTimeout(timer);
        reject(error);
        this.#drop(link, error);
      };
      const accepted = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const assembler = new FrameAssembler(LIMITS.dataFrameBytesMax);
      link.onData = (chunk) => this.#onData(link, assembler, chunk, { accepted, failed });
      link.onClose = (cause) => {
        clearTimeout(timer);
        reject(lost(cause));
        this.#drop(link, null);
      };
      if (link.isClosed) return link.onClose(null);
      link.write(dataHello(token, this.#options.accept()));
      link.flush();
    });
  }

  #onData(link: Link, assembler: FrameAssembler, chunk: Uint8Array, opening: Opening): void {
    if (this.#link !== link) return;
    try {
      assembler.push(chunk);
      while (assembler.next()) {
        if (this.#isUp) this.#onFrame(assembler);
        else this.#onFirst(assembler, opening.accepted);
        if (this.#link !== link) return;
      }
    } catch (error) {
      opening.failed(asAttaccaError(error));
    }
  }

  #onFirst(frame: FrameAssembler, accepted: () => void): void {
    if (frame.kind === FRAME.refuse) {
      throw errorOf(readRefuse(frame.bytes, frame.start, frame.end));
    }
    if (frame.kind !== FRAME.accept) {
      throw new AttaccaError('bad-frame', 'Cannot open a data connection: no ACCEPT came');
    }
    this.#isUp = true;
    this.#acceptedCount++;
    for (const [number, transfer] of this.#transfers) this.#send(number, transfer);
    accepted();
  }

  #onFrame(frame: FrameAssembler): void {
    const { kind, bytes, start, end } = frame;
    if (kind === FRAME.data) {
      const data = readData(bytes, start, end);
      const transfer = this.#transfers.get(data.transfer);
      if (transfer?.kind !== 'read') throw unknownTransfer(data.transfer);
      receive(transfer, data.offset, bytes.subarray(data.payloadStart, data.payloadEnd));
    } else if (kind === FRAME.done) {
      const done = readDone(bytes, start, end);
      const transfer = this.#finish(done.transfer);
      if (isComplete(transfer, done.size)) transfer.resolve();
      else transfer.reject(new AttaccaError('bad-frame', 'Cannot move bytes: some are missing'));
    } else if (kind === FRAME.failed) {
      const failed = readFailed(bytes, start, end);
      this.#finish(failed.transfer).reject(errorOf({ ...failed, fields: {} }));
    } else if (kind === FRAME.refuse) {
      throw errorOf(readRefuse(bytes, start, end));
    } else if (kind !== FRAME.ack) {
      throw new AttaccaError(
        'bad-frame',
        `Cannot take a frame of kind ${kind} on a data connection`,
      );
    }
  }

  #finish(number: number): Transfer {
    const transfer = this.#transfers.get(number);
    if (transfer === undefined) throw unknownTransfer(number);
    this.#transfers.delete(number);
    this.#lostInVain = 0;
    this.#setBusy();
    return transfer;
  }

  #send(number: number, transfer: Transfer): void {
    const link = this.#link;
    if (link === null) return;
    const { slab, offset, size } = transfer.slice;
    const w = new Writer(64);
    if (transfer.kind === 'read') {
      transfer.received = 0;
      writeRead(w, number, slab, offset, size);
      link.write(w.written());
    } else {
      writeWriteHead(w, number, slab, offset, size);
      link.write(w.written());
      link.write(transfer.bytes);
    }
  }

  /** The link is gone. Without an `error` of the pool what is not done is begun again. */
  #drop(link: Link, error: AttaccaError | null): void {
    if (this.#link !== link) return;
    const wasUp = this.#isUp;
    this.#link = null;
    this.#isUp = false;
    link.destroy();
    if (this.#over !== null) return;
    if (error !== null && !error.retryable) this.#failAll(error);
    else if (wasUp && this.#transfers.size > 0) {
      if (++this.#lostInVain >= ATTEMPTS_MAX) this.#failAll(error ?? lostInVain());
      else this.#open();
    }
  }

  #failAll(error: AttaccaError): void {
    this.#lostInVain = 0;
    const transfers = [...this.#transfers.values()];
    this.#transfers.clear();
    for (const transfer of transfers) transfer.reject(error);
    this.#gate.open();
  }

  #setBusy(): void {
    const link: (Link & { ref?: () => void; unref?: () => void }) | null = this.#link;
    if (this.#transfers.size > 0) link?.ref();
    else link?.unref();
  }
}

function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_FIRST_MS * 2 ** attempt));
}

function lost(cause: Error | null): AttaccaError {
  const why = cause?.message ?? 'the pool closed it';
  const text = `Lost the data connection to the pool: ${why}`;
  return new AttaccaError('connection-lost', text, {}, { cause });
}

function lostInVain(): AttaccaError {
  const text = `Cannot move bytes: the data connection was lost ${ATTEMPTS_MAX} times, and nothing done`;
  return new AttaccaError('connection-lost', text);
}

function unknownTransfer(number: number): AttaccaError {
  return new AttaccaError('bad-frame', `Cannot take data of the pool: no transfer ${number}`);
}
