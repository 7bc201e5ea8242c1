import { Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  DATA_BYTES_MAX,
  FRAME,
  FrameAssembler,
  ROLE,
  readAccept,
  readData,
  readDone,
  readFailed,
  readRefuse,
  writeHello,
  writeRead,
  writeWriteHead,
} from '../../src/protocol/index.js';
import { connect, type Link, parseAddress } from '../../src/transport/index.js';
import type { RawClient } from './raw-client.js';

/** How a transfer ended: bytes moved, or the code of FAILED. */
export type TransferEnd = { readonly moved: number } | { readonly code: string };

/** A data connection, frame by frame. */
export class RawDataClient {
  readonly link: Link;
  closed = false;
  refusal: string | null = null;
  accepted = false;
  readonly #assembler = new FrameAssembler(LIMITS.dataFrameBytesMax);
  readonly #ends = new Map<number, TransferEnd>();
  readonly #targets = new Map<number, { offset: number; bytes: Uint8Array; at: number }>();
  #wake: (() => void)[] = [];
  #transferNext = 1;

  /** Opens a data connection for a session; `changed` breaks its HELLO. */
  static async open(
    session: RawClient,
    token: string,
    changed: { secret?: Uint8Array; session?: number } = {},
  ): Promise<RawDataClient> {
    const { data } = session.accept.pool;
    const address = Array.isArray(data) ? String(data[0]) : '';
    const client = new RawDataClient(await connect(parseAddress(address)));
    const writer = new Writer();
    writeHello(writer, {
      lowest: 1,
      highest: 1,
      role: ROLE.data,
      token,
      pool: session.accept.poolId,
      session: changed.session ?? session.accept.session,
      secret: changed.secret ?? session.accept.secret,
      received: 0,
      process: {},
    });
    client.link.write(writer.written());
    await client.until(() => client.accepted || client.refusal !== null);
    if (client.refusal !== null) throw new Error(`refused: ${client.refusal}`);
    return client;
  }

  constructor(link: Link) {
    this.link = link;
    link.onData = (chunk) => {
      this.#assembler.push(chunk);
      while (this.#assembler.next()) this.#frame();
      for (const wake of this.#wake.splice(0)) wake();
    };
    link.onClose = () => {
      this.closed = true;
      for (const wake of this.#wake.splice(0)) wake();
    };
  }

  #frame(): void {
    const { kind, bytes, start, end } = this.#assembler;
    if (kind === FRAME.accept) {
      readAccept(bytes, start, end);
      this.accepted = true;
    } else if (kind === FRAME.refuse) {
      this.refusal = readRefuse(bytes, start, end).code;
    } else if (kind === FRAME.done) {
      const { transfer, size } = readDone(bytes, start, end);
      this.#ends.set(transfer, { moved: size });
    } else if (kind === FRAME.failed) {
      const { transfer, code } = readFailed(bytes, start, end);
      this.#ends.set(transfer, { code });
    } else {
      const data = readData(bytes, start, end);
      const target = this.#targets.get(data.transfer);
      if (target === undefined) throw new Error('DATA that nobody asked for');
      if (data.offset !== target.offset + target.at) throw new Error('DATA out of order');
      target.bytes.set(bytes.subarray(data.payloadStart, data.payloadEnd), target.at);
      target.at += data.payloadEnd - data.payloadStart;
    }
  }

  async until(what: () => boolean): Promise<void> {
    while (!what()) {
      if (this.closed) throw new Error('the data connection closed before');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /** Waits for DONE or FAILED of a transfer. */
  async end(transfer: number): Promise<TransferEnd> {
    await this.until(() => this.#ends.has(transfer));
    return this.#ends.get(transfer) ?? { code: 'none' };
  }

  /** Sends the head of one WRITE of `size` bytes without them; returns its transfer. */
  beginWrite(slab: number, offset: number, size: number): number {
    const transfer = this.#transferNext++;
    const writer = new Writer(64);
    writeWriteHead(writer, transfer, slab, offset, size);
    this.link.write(writer.written());
    return transfer;
  }

  /** Writes bytes as WRITEs of consecutive offsets; resolves with how the last ended. */
  async write(slab: number, offset: number, bytes: Uint8Array): Promise<TransferEnd> {
    let transfer = 0;
    let at = 0;
    do {
      const piece = bytes.subarray(at, at + DATA_BYTES_MAX);
      transfer = this.beginWrite(slab, offset + at, piece.length);
      if (piece.length > 0) this.link.write(piece);
      at += piece.length;
    } while (at < bytes.length);
    return await this.end(transfer);
  }

  beginRead(slab: number, offset: number, size: number): { transfer: number; bytes: Uint8Array } {
    const transfer = this.#transferNext++;
    const bytes = new Uint8Array(size);
    this.#targets.set(transfer, { offset, bytes, at: 0 });
    const writer = new Writer(64);
    writeRead(writer, transfer, slab, offset, size);
    this.link.write(writer.written());
    return { transfer, bytes };
  }

  async read(slab: number, offset: number, size: number): Promise<Uint8Array | { code: string }> {
    const { transfer, bytes } = this.beginRead(slab, offset, size);
    const end = await this.end(transfer);
    return 'code' in end ? end : bytes;
  }
}
