import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DataLink } from '../../src/client/data-link.js';
import { Writer } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  type Accept,
  FRAME,
  FrameAssembler,
  readHello,
  readRead,
  writeAccept,
  writeDataHead,
  writeDone,
  writeFailed,
  writeRefuse,
} from '../../src/protocol/index.js';
import { connect, type Link, parseAddress } from '../../src/transport/index.js';
import { readWrite } from '../protocol/other-side.js';
import { codeOf } from './support/pools.js';

const ACCEPT: Accept = {
  kind: 'accept',
  version: 1,
  poolId: 'fake',
  poolName: 'fake',
  session: 7,
  secret: new Uint8Array(32).fill(7),
  received: 0,
  resumed: false,
  pool: {},
};

/** One slab as an array of bytes, served over data connections; `cutAfter` frames each is cut. */
class FakeAgent {
  readonly slab = new Uint8Array(8 << 20);
  connections = 0;
  framesLeft = Number.POSITIVE_INFINITY;
  framesEach = 3;
  failure: string | null = null;
  refusal: string | null = null;
  roles: number[] = [];
  isMute = false;

  static async start(t: TestContext): Promise<{ agent: FakeAgent; link: DataLink }> {
    const directory = await mkdtemp(join(tmpdir(), 'attacca-data-'));
    const agent = new FakeAgent();
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      agent.serve(socket);
    });
    const path = join(directory, 'socket');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const address = parseAddress(`unix:${path}`);
    const link = new DataLink({
      open: async () => ({ link: await connect(address), token: 'secret' }),
      accept: () => ACCEPT,
      acceptMs: 500,
    });
    t.after(async () => {
      link.close(new AttaccaError('cancelled', 'the test is over'));
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(directory, { recursive: true, force: true });
    });
    return { agent, link };
  }

  serve(socket: Socket): void {
    this.connections++;
    if (this.isMute) return;
    const assembler = new FrameAssembler(LIMITS.dataFrameBytesMax);
    socket.on('data', (chunk: Uint8Array) => {
      assembler.push(chunk);
      while (assembler.next() && !socket.destroyed) {
        if (this.framesLeft-- <= 0) {
          this.framesLeft = this.framesEach;
          socket.destroy();
          return;
        }
        socket.write(this.answer(assembler).slice());
      }
    });
  }

  answer({ kind, bytes, start, end }: FrameAssembler): Uint8Array {
    const w = new Writer();
    if (kind === FRAME.hello) {
      const hello = readHello(bytes, start, end);
      assert.equal(hello.session, 7);
      assert.equal(hello.token, 'secret');
      this.roles.push(hello.role);
      if (this.refusal === null) writeAccept(w, ACCEPT);
      else writeRefuse(w, { retryable: false, code: this.refusal, message: 'no', fields: {} });
    } else if (kind === FRAME.write) {
      const write = readWrite(bytes, start, end);
      const payload = bytes.subarray(write.payloadStart, write.payloadEnd);
      if (this.failure !== null) writeFailed(w, write.transfer, this.failure, 'no lease');
      else {
        this.slab.set(payload, write.offset);
        writeDone(w, write.transfer, payload.length);
      }
    } else {
      const read = readRead(bytes, start, end);
      for (let at = 0; at < read.size; at += 1 << 20) {
        const part = this.slab.subarray(
          read.offset + at,
          read.offset + Math.min(at + (1 << 20), read.size),
        );
        writeDataHead(w, read.transfer, read.offset + at, part.length);
        w.raw(part);
      }
      writeDone(w, read.transfer, read.size);
    }
    return w.written();
  }
}

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 7 + (index >> 8)) & 255);
}

test('bytes of any size go there and back over one connection', async (t) => {
  const { agent, link } = await FakeAgent.start(t);
  const sizes = [1, 64, 100_000, 1 << 20, (1 << 20) + 1, 3_000_000];
  let offset = 0;
  await Promise.all(
    sizes.map(async (size) => {
      const slice = { slab: 0, offset, size };
      offset += size;
      await link.write(slice, pattern(size));
      assert.deepEqual(await link.read(slice), pattern(size));
    }),
  );
  assert.equal(agent.connections, 1);
  assert.deepEqual(agent.roles, [1]);
});

test('a connection that is lost again and again moves everything in the end', async (t) => {
  const { agent, link } = await FakeAgent.start(t);
  agent.framesLeft = 3;
  const slice = { slab: 0, offset: 64, size: 5 << 20 };
  // Three frames a connection: HELLO and two parts of it.
  await link.write(slice, pattern(slice.size));
  assert.deepEqual(agent.slab.slice(64, 64 + slice.size), pattern(slice.size));
  const pieces = Array.from({ length: 8 }, (_, index) => ({
    slab: 0,
    offset: index * 1_000,
    size: 1_000,
  }));
  await Promise.all(
    pieces.map(async (piece) => {
      await link.write(piece, pattern(1_000));
      assert.deepEqual(await link.read(piece), pattern(1_000));
    }),
  );
  assert.ok(agent.connections > 2, `${agent.connections} connections`);
});

test('what the agent refuses fails alone; a refused connection fails all', async (t) => {
  const { agent, link } = await FakeAgent.start(t);
  agent.failure = 'bad-lease';
  const slice = { slab: 0, offset: 0, size: 10 };
  assert.equal(await codeOf(link.write(slice, pattern(10))), 'bad-lease');
  agent.failure = null;
  await link.write(slice, pattern(10));
  const other = await FakeAgent.start(t);
  other.agent.refusal = 'session-unknown';
  assert.equal(await codeOf(other.link.read(slice)), 'session-unknown');
  other.link.close(new AttaccaError('cancelled', 'over'));
  assert.equal(await codeOf(other.link.read(slice)), 'cancelled');
});

test('an agent that takes connections and says nothing is given up', async (t) => {
  const { agent, link } = await FakeAgent.start(t);
  agent.isMute = true;
  const slice = { slab: 0, offset: 0, size: 10 };
  assert.equal(await codeOf(link.read(slice)), 'pool-unreachable');
  assert.equal(agent.connections, 5);
});

test('connections that are accepted and lost without use are given up', async (t) => {
  const { agent, link } = await FakeAgent.start(t);
  agent.framesLeft = 1;
  agent.framesEach = 1;
  const slice = { slab: 0, offset: 0, size: 10 };
  assert.equal(await codeOf(link.read(slice)), 'connection-lost');
  assert.equal(agent.connections, 5);
  agent.framesLeft = Number.POSITIVE_INFINITY;
  await link.write(slice, pattern(10));
});

/** A link that shows what is written, and says what the test has it say. */
class FakeLink implements Link {
  readonly kind = 'unix';
  readonly peer = 'fake';
  readonly localHost = '';
  readonly bytesQueued = 0;
  readonly isFull = false;
  isClosed = false;
  onData: (chunk: Uint8Array) => void = () => {};
  onClose: (error: Error | null) => void = () => {};
  onDrain: () => void = () => {};
  /** Bytes of WRITE, and the numbers of the transfers in the order they came. */
  bytesWritten = 0;
  readonly transfers: number[] = [];
  readonly #assembler = new FrameAssembler(LIMITS.dataFrameBytesMax);

  write(chunk: Uint8Array): void {
    this.#assembler.push(chunk);
    while (this.#assembler.next()) {
      const { kind, bytes, start, end } = this.#assembler;
      if (kind !== FRAME.write) continue;
      const write = readWrite(bytes, start, end);
      this.bytesWritten += write.payloadEnd - write.payloadStart;
      this.transfers.push(write.transfer);
    }
  }

  say(write: (w: Writer) => void): void {
    const w = new Writer();
    write(w);
    this.onData(w.written().slice());
  }

  close(): void {
    this.isClosed = true;
  }

  destroy(): void {
    this.isClosed = true;
  }

  flush(): void {}
  pause(): void {}
  resume(): void {}
  ref(): void {}
  unref(): void {}
}

/** A data link over fake ones; `next` returns each as it is opened. */
function overFakes(
  t: TestContext,
  { endedFirst = false } = {},
): { link: DataLink; next: () => Promise<FakeLink> } {
  let isFirst = true;
  const opened: FakeLink[] = [];
  let wake: () => void = () => {};
  const link = new DataLink({
    open: async () => {
      const fake = new FakeLink();
      fake.isClosed = endedFirst && isFirst;
      isFirst = false;
      opened.push(fake);
      setImmediate(() => wake());
      return { link: fake, token: '' };
    },
    accept: () => ACCEPT,
  });
  t.after(() => link.close(new AttaccaError('cancelled', 'the test is over')));
  const next = async (): Promise<FakeLink> => {
    while (opened.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return opened.shift() as FakeLink;
  };
  return { link, next };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a connection that was given up has no say any more', async (t) => {
  const { link, next } = overFakes(t);
  let isDone = false;
  const writing = link.write({ slab: 0, offset: 0, size: 10 }, pattern(10)).then(() => {
    isDone = true;
  });
  const first = await next();
  first.say((w) => writeAccept(w, ACCEPT));
  first.onClose(null);
  const second = await next();
  await turn();
  second.say((w) => writeAccept(w, ACCEPT));
  const [transfer = 0] = second.transfers;
  first.say((w) => writeDone(w, transfer, 10));
  await turn();
  assert.equal(isDone, false);
  second.say((w) => writeDone(w, transfer, 10));
  await writing;
});

test('a connection that has ended before it is used is opened again', {
  timeout: 5_000,
}, async (t) => {
  const { link, next } = overFakes(t, { endedFirst: true });
  const writing = link.write({ slab: 0, offset: 0, size: 10 }, pattern(10));
  await next();
  const second = await next();
  second.say((w) => writeAccept(w, ACCEPT));
  second.say((w) => writeDone(w, second.transfers[0] as number, 10));
  await writing;
});

test('no more than 16 MiB of WRITE are under way', async (t) => {
  const { link, next } = overFakes(t);
  const MiB = 1 << 20;
  const size = 40 * MiB;
  const writing = link.write({ slab: 0, offset: 0, size }, new Uint8Array(size));
  const agent = await next();
  agent.say((w) => writeAccept(w, ACCEPT));
  let done = 0;
  for (;;) {
    // Nothing here waits for a system: what may be sent is sent within a turn.
    await turn();
    assert.equal(agent.bytesWritten, Math.min(done + 16 * MiB, size));
    if (done === size) break;
    const transfer = agent.transfers.shift() as number;
    agent.say((w) => writeDone(w, transfer, MiB));
    done += MiB;
  }
  await writing;
});
