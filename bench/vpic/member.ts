/** A process that writes or reads its part of arrays through the pool, and the limit of that. */
import { join, type Pool, type PoolObject, type RegionSelection } from 'attacca';
import { directWrite } from '../harness/direct-write.js';
import { numberOf, type Reply, textOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';
import {
  type AxisPiece,
  countOf,
  type Dataset,
  otherwise,
  type PatternName,
  writtenBy,
} from './pattern.js';

let pool: Pool | null = null;
let held: PoolObject[] = [];
let memberName = '';

interface Share {
  readonly name: string;
  readonly shape: readonly number[];
  readonly piece: readonly AxisPiece[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** This member's piece of each array; of its own, filled: what a program has computed. */
function sharesOf(datasets: readonly Dataset[], member: number): Share[] {
  return datasets.map(({ name, shape, pieces }) => {
    const piece = pieces[member] ?? [];
    return { name, shape, piece, values: new Float32Array(countOf(piece)).fill(1) };
  });
}

const datasetsOf = (request: Reply): Dataset[] =>
  writtenBy(
    textOf(request, 'pattern') as PatternName,
    numberOf(request, 'bytes'),
    numberOf(request, 'members'),
  );

const scratch = new Float64Array(1024 * 1024).fill(1);

/** Passes over 8 MiB of its own for so long: what a program does between outputs. */
function compute(ms: number): void {
  const end = nowNs() + ms * 1e6;
  while (nowNs() < end)
    for (let at = 0; at < scratch.length; at++) scratch[at] = -(scratch[at] ?? 0);
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] ?? 0;
  return sum;
}

const selectionOf = (piece: readonly AxisPiece[]): RegionSelection => piece;
const spaceOf = ({ shape }: { readonly shape: readonly number[] }) =>
  ({ dtype: 'float32', shape }) as const;

async function offer(member: Pool, step: number, share: Share): Promise<PoolObject> {
  const object = member.object(`${share.name}/${step}`, { space: spaceOf(share) });
  const part = object.region(selectionOf(share.piece));
  await part.allocate();
  part.write(share.values);
  await part.offer();
  return object;
}

/** A member's piece as an object of its own, as rivals have a file: no part of one has `fsync`. */
async function offerDurably(member: Pool, step: number, share: Share): Promise<PoolObject> {
  const name = `${share.name}/${step}/by=${memberName}`;
  const space = { dtype: 'float32', shape: [share.values.length] } as const;
  const object = member.object(name, { space });
  await object.allocate();
  object.array.set(share.values);
  await object.offer({ durability: 'fsync' });
  return object;
}

/** What is read and how: all that this member has of it, summed. */
async function demand(member: Pool, step: number, share: Omit<Share, 'values'>): Promise<number> {
  const object = member.object(`${share.name}/${step}`, { space: spaceOf(share) });
  const got = await object.demand({ region: selectionOf(share.piece) });
  const sum = sumOf(got.array);
  await got.dispose();
  return sum;
}

function opened(): Pool {
  if (pool === null) throw new RangeError('Cannot take part: not open');
  return pool;
}

takePart({
  async open(request) {
    memberName = textOf(request, 'name');
    pool = await join({ member: memberName, address: textOf(request, 'at') });
    return {};
  },
  /** Steps with computing before each; those before stay only as long as nobody waits. */
  async write(request) {
    const shares = sharesOf(datasetsOf(request), numberOf(request, 'member'));
    const put = request['durable'] === true ? offerDurably : offer;
    const startedNs = nowNs();
    let stalledNs = 0;
    for (let step = 0; step < numberOf(request, 'steps'); step++) {
      compute(numberOf(request, 'workMs'));
      const beganNs = nowNs();
      await Promise.all(held.map((object) => object.withdraw()));
      held = await Promise.all(shares.map((share) => put(opened(), step, share)));
      stalledNs += nowNs() - beganNs;
    }
    return { seconds: (nowNs() - startedNs) / 1e9, stalled: stalledNs / 1e9 };
  },
  async read(request) {
    const written = datasetsOf(request);
    const isAligned = request['aligned'] === true;
    const read = isAligned ? written : otherwise(written, numberOf(request, 'members'));
    const member = numberOf(request, 'member');
    const step = numberOf(request, 'steps') - 1;
    const startNs = nowNs();
    let sum = 0;
    for (const { name, shape, pieces } of read) {
      sum += await demand(opened(), step, { name, shape, piece: pieces[member] ?? [] });
    }
    return { startNs, doneNs: nowNs(), sum };
  },
  /** The same bytes, copied within a process; for readers with the sum of them. */
  memcpy(request) {
    const shares = sharesOf(datasetsOf(request), numberOf(request, 'member'));
    const isFresh = request['fresh'] === true;
    const targets = shares.map(({ values }) =>
      isFresh ? null : new Float32Array(values.length).fill(2),
    );
    const startNs = nowNs();
    let sum = 0;
    for (const [index, { values }] of shares.entries()) {
      const target = targets[index] ?? new Float32Array(values.length);
      target.set(values);
      if (request['sum'] === true) sum += sumOf(target);
    }
    return { startNs, doneNs: nowNs(), sum };
  },
  raw: (request) => directWrite(textOf(request, 'at'), numberOf(request, 'bytes')),
});
