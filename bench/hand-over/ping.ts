/**
 * Hand-overs back to back, so that nobody has fallen asleep: one member offers, the other, whose
 * demand is pending, answers with an offer of one byte, for which the first one's demand is
 * pending.
 */
import { type Delivered, join, type Pool, type PoolObject } from 'attacca';
import { numberOf, textOf } from '../harness/reply.js';
import { median } from '../harness/statistics.js';
import { nowNs, takePart } from '../harness/take-part.js';

/** How many extents a large object may come to lie in, and more. */
const WHOLE = 8;

let pool: Pool | null = null;

function poolNow(): Pool {
  if (pool === null) throw new RangeError('Cannot hand over: not open');
  return pool;
}

const there = (tag: string, index: number): string => `${tag}/there/${index}`;
const back = (tag: string, index: number): string => `${tag}/back/${index}`;

/** An object of ones; if not `whole`, only its ends: between them lies what was there before. */
async function made(name: string, bytes: number, whole = true): Promise<PoolObject<'uint8'>> {
  const object = poolNow().object(name, { space: { dtype: 'uint8', shape: [bytes] } });
  await object.allocate();
  const { array } = object;
  if (whole) array.fill(1);
  else array[0] = array[bytes - 1] = 1;
  return object;
}

const hasOnes = ({ bytes }: Delivered): boolean => bytes[0] === 1 && bytes.at(-1) === 1;

takePart({
  async open(request) {
    pool = await join({ member: textOf(request, 'member'), address: textOf(request, 'at') });
    return {};
  },
  /**
   * The median time from an offer until the answer to it was read, in microseconds, and that of the
   * `among` small ones before each. What counts is written whole `WHOLE` times, into
   * memory that the pool leases out again afterwards: writing a gigabyte each time would send the
   * other processes to sleep.
   */
  async ping(request) {
    const [tag, count] = [textOf(request, 'tag'), numberOf(request, 'count')];
    const [bytes, among] = [numberOf(request, 'bytes'), numberOf(request, 'among')];
    const times: number[] = [];
    const small: number[] = [];
    const ending: Promise<void>[] = [];
    for (let index = 1; index <= count * (among + 1); index++) {
      const isLarge = index % (among + 1) === 0;
      const whole = !isLarge || times.length < WHOLE;
      const object = await made(there(tag, index), isLarge ? bytes : 1, whole);
      const answer = poolNow().object(back(tag, index)).demand();
      const started = nowNs();
      const offering = object.offer();
      const delivered = await answer;
      const us = hasOnes(delivered) ? (nowNs() - started) / 1e3 : Number.NaN;
      (isLarge ? times : small).push(us);
      ending.push(delivered.dispose());
      await offering;
      ending.push(object.withdraw());
    }
    await Promise.all(ending);
    return { us: median(times), smallUs: among === 0 ? 0 : median(small) };
  },
  async pong(request) {
    const tag = textOf(request, 'tag');
    const count = numberOf(request, 'count') * (numberOf(request, 'among') + 1);
    let asked = poolNow().object(there(tag, 1)).demand();
    const ending: Promise<void>[] = [];
    for (let index = 1; index <= count; index++) {
      const delivered = await asked;
      if (!hasOnes(delivered)) throw new Error('What came is not what was offered');
      // The next demand goes out before the answer that lets the other go on.
      if (index < count) {
        asked = poolNow()
          .object(there(tag, index + 1))
          .demand();
      }
      const object = await made(back(tag, index), 1);
      ending.push(
        object.offer().then(() => object.withdraw()),
        delivered.dispose(),
      );
    }
    await Promise.all(ending);
    return {};
  },
});
