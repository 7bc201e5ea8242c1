/**
 * A simulation is killed in the middle, with kill -9, and started again: it goes on from its last
 * complete step, and ends with the same numbers, bit for bit, as one that nobody has killed. Run it
 * with `node dist/examples/checkpoint/main.js`.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { join, type Pool } from 'attacca';
import { checkpoint, lastCheckpoint } from 'attacca/apps';
import { serve } from 'attacca/server';

const STEPS = 60;
const EVERY = 5;
const DIES_AT = 43;
const FIELDS = ['x', 'v'] as const;

interface State {
  readonly x: Float64Array;
  readonly v: Float64Array;
}

function beginning(): State {
  const x = Float64Array.from({ length: 1_000 }, (_, at) => Math.sin(at));
  return { x, v: new Float64Array(x.length) };
}

/** Oscillators that are coupled to their neighbours. */
function advance({ x, v }: State): void {
  for (let at = 0; at < x.length; at++) {
    const [left = 0, here = 0, right = 0] = [x.at(at - 1), x[at], x[(at + 1) % x.length]];
    v[at] = (v[at] ?? 0) + 0.1 * (left - 2 * here + right - here ** 3);
  }
  for (let at = 0; at < x.length; at++) x[at] = (x[at] ?? 0) + 0.1 * (v[at] ?? 0);
}

function sumOf({ x, v }: State): string {
  return createHash('sha256').update(x).update(v).digest('hex').slice(0, 16);
}

/** Offers the state to whoever stores it, keeps nothing in memory, and waits until it is safe. */
async function save(pool: Pool, step: number, state: State): Promise<void> {
  const select = `step = ${step}`;
  await using complete = await pool.subscribe({ kinds: 'checkpoint.complete', select });
  const attributes = { checkpoint: step, 'checkpoint.of': FIELDS.length };
  for (const name of FIELDS) {
    const space = { dtype: 'float64', shape: [state.x.length] } as const;
    const field = pool.object(`restart/${name}`, { attributes, space });
    field.array.set(state[name]);
    await field.handOver();
  }
  await complete.wait();
}

/** The state of a complete step: the checkpoint program offers it when it is required. */
async function restore(pool: Pool, step: number, state: State): Promise<void> {
  for (const name of FIELDS) {
    await using field = await pool.object(`restart/${name}@${step}`).demand();
    state[name].set(field.array as Float64Array);
  }
}

async function simulate(address: string, store: string, diesAt: number): Promise<void> {
  await using pool = await join({ address, member: 'model' });
  const state = beginning();
  const last = await lastCheckpoint(store);
  if (last !== null) await restore(pool, last.step, state);
  console.log(last === null ? 'begins' : `goes on from step ${last.step}`);
  for (let step = (last?.step ?? 0) + 1; step <= STEPS; step++) {
    advance(state);
    if (step % EVERY === 0) await save(pool, step, state);
    if (step === diesAt) process.kill(process.pid, 'SIGKILL');
  }
  console.log(`ends: ${sumOf(state)}`);
}

async function main(): Promise<void> {
  const expected = beginning();
  for (let step = 1; step <= STEPS; step++) advance(expected);
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-example-'));
  const store = joinPath(directory, 'restart');
  const server = await serve({ name: 'checkpoint', memoryBytes: 2 ** 26 });
  const over = new AbortController();
  try {
    await using pool = await join({ address: server.address, member: 'checkpoint' });
    let ready = (): void => {};
    const stands = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const storing = checkpoint(pool, { to: store, signal: over.signal, onReady: () => ready() });
    await Promise.race([stands, storing]);
    for (const diesAt of [DIES_AT, 0]) {
      const words = [fileURLToPath(import.meta.url), server.address, store, String(diesAt)];
      const child = spawn(process.execPath, words, { stdio: 'inherit' });
      const [code, signal] = await once(child, 'exit');
      if (code !== 0) console.log(`ended by ${signal}`);
    }
    console.log(`expected: ${sumOf(expected)}`);
    over.abort();
    const { last } = await storing;
    console.log(`kept: step ${last?.step}`);
  } finally {
    await server.close();
    await rm(directory, { recursive: true });
  }
}

const [, , address, store, diesAt] = process.argv;
if (address !== undefined && store !== undefined) await simulate(address, store, Number(diesAt));
else await main();
