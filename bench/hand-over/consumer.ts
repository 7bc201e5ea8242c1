/** The consumer's process: waits for what comes, looks at the first value, or sums all of them. */
import { textOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';
import { parcelOf } from './parcel.js';
import { type ConsumerSide, RunningSum } from './transport.js';
import { transportOf } from './transports.js';

let side: ConsumerSide | null = null;

takePart({
  async open(request) {
    const kind = await transportOf(textOf(request, 'transport'));
    side = await kind.consumer({ at: textOf(request, 'at') });
    return {};
  },
  async expect(request) {
    if (side === null) throw new RangeError('Cannot consume: not open');
    const sums = request['sum'] === true;
    const sum = new RunningSum();
    const progress = sums ? sum.upTo.bind(sum) : null;
    const { array, end } = await side.receive(parcelOf(request), progress);
    const first = array.length === 0 ? 0 : array[0];
    const firstNs = nowNs();
    if (sums) sum.upTo(array, array.length);
    const doneNs = nowNs();
    await end();
    return { firstNs, doneNs, first, sum: sum.value };
  },
});
