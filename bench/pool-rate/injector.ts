/** A process that offers objects: to the product or to a rival. */
import { numberOf, type Reply, textOf } from '../harness/reply.js';
import { quantile } from '../harness/statistics.js';
import { takePart } from '../harness/take-part.js';
import { type Driven, driveBatches, driveInjectors } from './drive.js';
import type { Payload, Publisher } from './workload.js';

const publishers: Publisher[] = [];
let who = '';

function driven({ count, latenciesUs }: Driven): object {
  return { count, p50Us: quantile(latenciesUs, 0.5), p99Us: quantile(latenciesUs, 0.99) };
}

/** Each side loads its own code only. */
async function publisherOf(
  kind: string,
  to: string,
  index: number,
  payload: Payload,
): Promise<Publisher> {
  if (kind === 'attacca') {
    const { poolPublisher } = await import('./pool-publisher.js');
    return await poolPublisher(to, { component: who, index }, payload);
  }
  const { wirePublisher } = await import('./wire-publisher.js');
  return await wirePublisher(kind, to);
}

function spanOf(request: Reply): { startNs: number; endNs: number } {
  return { startNs: numberOf(request, 'startNs'), endNs: numberOf(request, 'endNs') };
}

takePart({
  async connect(request) {
    who = textOf(request, 'who');
    const to = textOf(request, 'to');
    const kind = textOf(request, 'kind');
    const bytes = numberOf(request, 'bytes');
    const payload = { bytes, isDurable: request['isDurable'] === true };
    for (let i = 0; i < numberOf(request, 'connections'); i++) {
      publishers.push(await publisherOf(kind, to, i, payload));
    }
    return {};
  },
  async batches(request) {
    const [publisher] = publishers;
    if (publisher === undefined) throw new RangeError('Cannot offer: not connected');
    const fields = numberOf(request, 'fields');
    return driven(await driveBatches(who, publisher, fields, spanOf(request)));
  },
  async inject(request) {
    const injectors = numberOf(request, 'injectors');
    const paceMs = numberOf(request, 'paceMs');
    return driven(await driveInjectors(who, publishers, injectors, paceMs, spanOf(request)));
  },
});
