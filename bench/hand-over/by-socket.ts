/** A Unix socket between two Node processes: a size, then the bytes. */
import { connect, createServer, type Socket } from 'node:net';
import type {
  ConsumerSide,
  Parcel,
  ProducerSide,
  Progress,
  Received,
  TransportKind,
} from './transport.js';
import { OwnArrays } from './transport.js';

const HEADER_BYTES = 8;

class Producer implements ProducerSide {
  readonly #socket: Socket;
  readonly #own = new OwnArrays();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  async write({ bytes }: Parcel): Promise<void> {
    this.#own.of(bytes);
  }

  async offer({ bytes }: Parcel): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeBigUInt64LE(BigInt(bytes));
    this.#socket.cork();
    this.#socket.write(header);
    const sent = new Promise<void>((resolve) => {
      this.#socket.write(this.#own.bytesOf(bytes), () => resolve());
    });
    this.#socket.uncork();
    await sent;
  }

  async after(): Promise<void> {}
}

class Consumer implements ConsumerSide {
  readonly #socket: Socket;
  #target: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  async receive({ bytes }: Parcel, progress: Progress | null): Promise<Received> {
    // Its own array, made once for a size: the kindest case.
    if (this.#target.length !== bytes) this.#target = new Uint8Array(bytes).fill(1);
    const target = this.#target;
    const array = new Float64Array(target.buffer);
    const socket = this.#socket;
    await new Promise<void>((resolve, reject) => {
      let at = -HEADER_BYTES;
      const onData = (chunk: Buffer): void => {
        const skip = Math.min(Math.max(-at, 0), chunk.length);
        if (skip < chunk.length) target.set(chunk.subarray(skip), at + skip);
        at += chunk.length;
        if (progress !== null && at > 0) progress(array, Math.floor(at / 8));
        if (at < bytes) return;
        socket.off('data', onData);
        socket.off('error', reject);
        resolve();
      };
      socket.on('data', onData);
      socket.once('error', reject);
    });
    return { array, end: async () => {} };
  }
}

export const bySocket: TransportKind = {
  async producer({ at }) {
    const socket = connect(at);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Producer(socket);
  },
  async consumer({ at }) {
    const connected = new Promise<Socket>((resolve) => {
      const server = createServer(resolve);
      server.listen(at);
    });
    let side: Consumer | null = null;
    return {
      async receive(parcel, progress) {
        side ??= new Consumer(await connected);
        return await side.receive(parcel, progress);
      },
    };
  },
};
