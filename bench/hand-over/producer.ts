/** The producer's process: values ready, then handed over when it is told to. */
import { textOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';
import { parcelOf } from './parcel.js';
import type { ProducerSide } from './transport.js';
import { transportOf } from './transports.js';

let side: ProducerSide | null = null;

function sideNow(): ProducerSide {
  if (side === null) throw new RangeError('Cannot produce: not open');
  return side;
}

takePart({
  async open(request) {
    const kind = await transportOf(textOf(request, 'transport'));
    side = await kind.producer({ at: textOf(request, 'at') });
    return {};
  },
  async write(request) {
    await sideNow().write(parcelOf(request));
    return {};
  },
  async offer(request) {
    const parcel = parcelOf(request);
    const producer = sideNow();
    const startNs = nowNs();
    await producer.offer(parcel);
    return { startNs };
  },
  async after(request) {
    await sideNow().after(parcelOf(request));
    return {};
  },
});
