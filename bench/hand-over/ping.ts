/**
 * Hand-overs back to back, so that nobody has fallen asleep: one member offers, the other, whose
 * demand is pending, answers with an offer of one byte, for which the first one's demand is
 * pending.
 */
import { join, type Pool, type PoolObject } from 'attacca';
import { numberOf, textOf } from '../harness/reply.js';
import { median } from '../harness/statistics.js';
import { nowNs, takePart } from '../harness/take-part.js';

let pool: Pool | null = null;

function poolNow(): Pool {
  if (pool === null) throw new RangeError('Cannot hand over: not open');
  return pool;
}

const there = (tag: string, index: number): string => `${tag}/there/${index}`;
const back = (tag: string, index: number): string => `${tag}/back/${index}`;

async function made(name: string, bytes: number): Promise<PoolObject<'uint8'>> {
  const object = poolNow().object(name, { space: { dtype: 'uint8', shape: [bytes] } });
  await object.allocate();
  object.array.fill(1);
  return object;
}

takePart({
  async open(request) {
    pool = await join({ member: textOf(request, 'member'), address: textOf(request, 'at') });
    return {};
  },
  /**
   * The median time from an offer until the answer to it was read, in microseconds. Before each
   * that counts there are `among` small ones: a processor that has slept is slow at first.
   */
  async ping(request) {
    const [tag, count] = [textOf(request, 'tag'), numberOf(request, 'count')];
    const [bytes, among] = [numberOf(request, 'bytes'), numberOf(request, 'among')];
    const objects: PoolObject<'uint8'>[] = [];
    for (let i = 0; i < count; i++)
      objects.push(await made(there(tag, (i + 1) * (among + 1)), bytes));
    const times: number[] = [];
    const ending: Promise<void>[] = [];
    for (let index = 1; index <= count * (among + 1); index++) {
      const isLarge = index % (among + 1) === 0;
      const object = isLarge ? objects.shift() : await made(there(tag, index), 1);
      if (object === undefined) throw new RangeError('Cannot offer: nothing is left');
      const answer = poolNow().object(back(tag, index)).demand();
      const started = nowNs();
      const offering = object.offer();
      const delivered = await answer;
      const us = delivered.bytes[0] === 1 ? (nowNs() - started) / 1e3 : Number.NaN;
      if (isLarge) times.push(us);
      ending.push(delivered.dispose());
      await offering;
      ending.push(object.withdraw());
    }
    await Promise.all(ending);
    return { us: median(times) };
  },
  async pong(request) {
    const tag = textOf(request, 'tag');
    const count = numberOf(request, 'count') * (numberOf(request, 'among') + 1);
    let asked = poolNow().object(there(tag, 1)).demand();
    const ending: Promise<void>[] = [];
    for (let index = 1; index <= count; index++) {
      const delivered = await asked;
      if (delivered.bytes[0] !== 1) throw new Error('What came is not what was offered');
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
