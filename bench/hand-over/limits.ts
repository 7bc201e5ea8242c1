/** What the machine can do at best: round trips on a bare socket, copying, reading own memory. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { numberOf, textOf } from '../harness/reply.js';
import { quantile } from '../harness/statistics.js';
import { nowNs, takePart } from '../harness/take-part.js';
import { fillPattern, RunningSum } from './transport.js';

async function trip(socket: Socket, payload: Buffer): Promise<number> {
  const started = nowNs();
  await new Promise<void>((resolve) => {
    let left = payload.length;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.write(payload);
  });
  return (nowNs() - started) / 1e3;
}

takePart({
  /** Sends everything back. */
  async echo(request) {
    const server = createServer((socket) => {
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(textOf(request, 'path'), resolve));
    return {};
  },
  async roundTrips(request) {
    const socket = connect(textOf(request, 'path'));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const payload = Buffer.alloc(Math.max(numberOf(request, 'bytes'), 1), 1);
    const pauseMs = numberOf(request, 'pauseMs');
    // Written before each trip, as a producer writes what it hands over.
    const written = new Float64Array(numberOf(request, 'writtenBytes') / 8);
    const times: number[] = [];
    for (let i = 0; i < numberOf(request, 'count'); i++) {
      if (written.length > 0) fillPattern(written);
      if (pauseMs > 0) await sleep(pauseMs);
      times.push(await trip(socket, payload));
    }
    socket.destroy();
    return { p50Us: quantile(times, 0.5), p99Us: quantile(times, 0.99) };
  },
  /** Copies and sums arrays of this process, all pages of which are there. */
  memory(request) {
    const source = new Float64Array(numberOf(request, 'bytes') / 8);
    fillPattern(source);
    const target = new Float64Array(source.length).fill(1);
    const copies: number[] = [];
    const sums: number[] = [];
    for (let i = 0; i < numberOf(request, 'count'); i++) {
      const copying = nowNs();
      target.set(source);
      copies.push((nowNs() - copying) / 1e6);
      const sum = new RunningSum();
      const summing = nowNs();
      sum.upTo(target, target.length);
      sums.push((nowNs() - summing) / 1e6);
    }
    return { copyMs: quantile(copies, 0.5), sumMs: quantile(sums, 0.5) };
  },
});
