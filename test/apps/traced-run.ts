import { join, type Pool, type PoolEvent } from '../../src/client/index.js';
import { Timestamp } from '../../src/core/value.js';

/** A producer, a product and a viewer: each field is made, made something of, and looked at. */
export async function tracedRun(address: string, steps: number): Promise<void> {
  await using model = await join({ address, member: 'model[0]' });
  await using product = await join({ address, member: 'product' });
  await using viewer = await join({ address, member: 'viewer' });
  await using promise = await model.promise('t/*', 'p/*');
  const names = Array.from({ length: steps }, (_, step) => String(step));
  const made = Promise.all(names.map((step) => makeProduct(product, step)));
  const seen = Promise.all(names.map((step) => look(viewer, `p/${step}`)));
  await viewer.object('never').require();
  for (const step of names) {
    const space = { dtype: 'float64', shape: [4] } as const;
    const field = model.object(`t/${step}`, { space, attributes: { step: Number(step) } });
    field.array.fill(1);
    await field.offer();
  }
  await Promise.all([made, seen]);
  await promise.close();
}

async function makeProduct(pool: Pool, step: string): Promise<void> {
  const field = await pool.object(`t/${step}`).demand();
  await pool.put(`p/${step}`, new Float64Array(1), { attributes: { kind: 'mean' } });
  await field.dispose();
}

async function look(pool: Pool, name: string): Promise<void> {
  await (await pool.object(name).demand()).dispose();
}

/** An event as a pool tells it. */
export function eventOf(
  seq: number,
  kind: string,
  member: string,
  name: string,
  version = 1,
): PoolEvent {
  return {
    ...{ n: seq, seq, kind, when: 'after', member, to: '', queue: '', name, version },
    ...{ attributes: {}, dtype: undefined, shape: undefined, order: undefined },
    ...{ time: new Timestamp(BigInt(seq)), isSnapshot: false, isAgain: false, missed: null },
  };
}

/** A record of the trace event format. */
export interface TraceRecord {
  readonly ph: string;
  readonly name?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly id?: number;
  readonly cat?: string;
  readonly args?: { readonly [key: string]: unknown };
}

/** What is wrong with a trace: slices that do not nest, loose arrows, time that goes back. */
export function problemsOf(records: readonly TraceRecord[]): string[] {
  const problems: string[] = [];
  const open = new Map<number, TraceRecord[]>();
  const last = new Map<number, number>();
  const begunAt = new Map<number, number>();
  const flows = new Map<number, number>();
  for (const record of records) {
    const { ph, tid, ts = 0, id = 0, name = '' } = record;
    if (ph === 'M' || ph === 'b' || ph === 'e') continue;
    if (ts <= (last.get(tid) ?? 0)) problems.push(`${ph} ${name} of ${tid} goes back to ${ts}`);
    last.set(tid, ts);
    const stack = open.get(tid) ?? [];
    open.set(tid, stack);
    if (ph === 'B') {
      stack.push(record);
      begunAt.set(tid, ts);
    }
    if (ph === 'E' && stack.pop() === undefined) problems.push(`${tid} ends what has not begun`);
    if (stack.length > 1) problems.push(`slices of ${tid} overlap`);
    if ((ph === 's' || ph === 'f') && stack.length === 0) problems.push(`${ph} ${id} hangs loose`);
    if (ph === 's' && flows.has(id)) problems.push(`two arrows are ${id}`);
    const begun = begunAt.get(tid) ?? 0;
    if (ph === 's') flows.set(id, begun);
    if (ph !== 'f') continue;
    const origin = flows.get(id);
    if (origin === undefined) problems.push(`arrow ${id} ends and has not begun`);
    else if (origin >= begun) problems.push(`arrow ${id} goes to what began before`);
    flows.delete(id);
  }
  for (const [tid, stack] of open) if (stack.length > 0) problems.push(`${tid} does not end`);
  return problems;
}
