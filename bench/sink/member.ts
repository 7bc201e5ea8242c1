/** A process at one end of a flow, and the limit of all flows. */
import { numberOf, type Reply, textOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';
import { type Flow, type FlowConsumer, type FlowProducer, ownArrays, readAll } from './flow.js';
import { flowKindOf } from './kinds.js';

let producer: FlowProducer | null = null;
let consumer: FlowConsumer | null = null;
let own: readonly Uint8Array<ArrayBuffer>[] = [];

function flowOf(request: Reply): Flow {
  return {
    producers: numberOf(request, 'producers'),
    count: numberOf(request, 'count'),
    bytes: numberOf(request, 'bytes'),
    tag: textOf(request, 'tag'),
  };
}

takePart({
  async open(request) {
    const kind = await flowKindOf(textOf(request, 'transport'));
    const at = textOf(request, 'at');
    if (request['role'] === 'producer') {
      producer = await kind.producer(at, numberOf(request, 'producer'));
    } else {
      consumer = await kind.consumer(at);
    }
    return {};
  },
  prepare(request) {
    own = ownArrays(numberOf(request, 'bytes'));
    return {};
  },
  async produce(request) {
    if (producer === null) throw new RangeError('Cannot produce: not open');
    const startNs = nowNs();
    await producer.produce(flowOf(request), numberOf(request, 'producer'), own);
    return { startNs };
  },
  async consume(request) {
    if (consumer === null) throw new RangeError('Cannot consume: not open');
    let bytes = 0;
    await consumer.consume(flowOf(request), (payload) => {
      readAll(payload);
      bytes += payload.length;
    });
    return { doneNs: nowNs(), bytes };
  },
  /** Copies as many objects of this size within the process, to memory that no cache holds. */
  memcpy(request) {
    const bytes = numberOf(request, 'bytes');
    const count = numberOf(request, 'count');
    const sources = ownArrays(bytes);
    const room = new Uint8Array(Math.max(numberOf(request, 'room'), bytes)).fill(1);
    const slots = Math.floor(room.length / bytes);
    const started = nowNs();
    for (let i = 0; i < count; i++) {
      room.set(sources[i % sources.length] ?? [], (i % slots) * bytes);
    }
    return { seconds: (nowNs() - started) / 1e9 };
  },
});
