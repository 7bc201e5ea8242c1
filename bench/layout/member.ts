/** What a program asks of an array's layout: its transpose, and many small regions. */
import { join, type Pool } from 'attacca';
import { numberOf, textOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';

/** Elements of 3 KiB. */
const ROW = 768;

/** What packed numbers have where there is no value. */
const FILL = -32_768;

let pool: Pool | null = null;

function opened(): Pool {
  if (pool === null) throw new RangeError('Cannot take part: not open');
  return pool;
}

takePart({
  async open(request) {
    pool = await join({ member: 'layout', address: textOf(request, 'at') });
    return {};
  },
  /** The first and the last element of a row tell whether it was transposed. */
  async transpose(request) {
    const side = numberOf(request, 'side');
    const space = { dtype: 'float32', shape: [side, side] } as const;
    const object = opened().object('square', { space });
    await object.allocate();
    const { array } = object;
    for (let at = 0; at < array.length; at++) array[at] = at % side;
    await object.offer();
    const startNs = nowNs();
    const got = await opened().object('square', { space }).demand({ order: 'column' });
    const doneNs = nowNs();
    const [first, second] = [got.array[side - 1], got.array[side]];
    await got.dispose();
    await object.withdraw();
    if (first !== 0 || second !== 1) throw new Error('The array was not transposed');
    return { seconds: (doneNs - startNs) / 1e9 };
  },
  /** Packed numbers become values on the way: the processor time of all threads. */
  async scale(request) {
    const count = numberOf(request, 'packed');
    const space = { dtype: 'int16', shape: [count] } as const;
    const object = opened().object('packed', { space });
    await object.allocate();
    const { array } = object;
    for (let at = 0; at < count; at++) array[at] = at & 0x3fff;
    array[1] = FILL;
    await object.offer();
    const before = process.cpuUsage();
    const got = await opened()
      .object('packed', { space })
      .demand({ transforms: [{ kind: 'scale', scale: 0.5, offset: 250, fill: FILL }] });
    const { user, system } = process.cpuUsage(before);
    const [zero, none, two] = got.array as Float32Array;
    await got.dispose();
    await object.withdraw();
    const isRight = zero === 250 && Number.isNaN(none) && two === 251;
    if (!isRight) throw new Error('The numbers were not unpacked');
    return { cpuSeconds: (user + system) / 1e6 };
  },
  /** Rows of 3 KiB, all begun at once, or each when the one before is done. */
  async writes(request) {
    const count = numberOf(request, 'count');
    const isGathered = request['gathered'] === true;
    const name = isGathered ? 'gathered' : 'each';
    const space = { dtype: 'float32', shape: [count, ROW] } as const;
    const object = await opened().create(name, { space });
    const row = new Float32Array(ROW).fill(1);
    const startNs = nowNs();
    if (isGathered) {
      const writing = Array.from({ length: count }, (_, at) => object.write([at, null], row));
      await Promise.all(writing);
    } else for (let at = 0; at < count; at++) await object.write([at, null], row);
    const seconds = (nowNs() - startNs) / 1e9;
    const [last] = await object.read([count - 1, null]);
    await object.withdraw();
    if (last !== 1) throw new Error('The last row was not written');
    return { seconds };
  },
});
