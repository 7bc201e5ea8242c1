/** The frame around each program of the workflow: its plan, its pool, its checks, its end. */
import { parseArgs } from 'node:util';
import { monotonicMs, monotonicNs } from '../clock.js';
import { WeatherError } from '../errors.js';
import type {
  FieldAttributes,
  FieldObject,
  FieldPool,
  ReceivedField,
} from '../exchange/exchange.js';
import { openExchange } from '../exchange/open.js';
import type { ReadonlyField } from '../grid.js';
import { createPlan, type Plan } from '../plan.js';
import { PROGRAM_FLAGS, type Settings, settingsFrom } from '../settings.js';
import { checkSums, type FieldSums } from '../sums.js';
import { tell, tellLast } from './messages.js';
import { Tally } from './tally.js';

const PROGRESS_MS = 100;

/** An integer or float as it comes back from a pool or a file. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'object' && value !== null && 'value' in value) return Number(value.value);
  return Number.NaN;
}

export function sumsOf({ attributes }: Pick<ReceivedField, 'attributes'>): FieldSums {
  return {
    count: numberOf(attributes['count']),
    missing: numberOf(attributes['missing']),
    sum: numberOf(attributes['sum']),
    sumOfSquares: numberOf(attributes['sumOfSquares']),
    min: numberOf(attributes['min']),
    max: numberOf(attributes['max']),
  };
}

/**
 * Compares what came with the sums that its producer attached.
 *
 * @throws WeatherError `sums-differ`
 */
export function checkReceived(field: ReceivedField, values: ReadonlyField = field.array): void {
  const check = checkSums(values, sumsOf(field));
  if (check.kind === 'equal') return;
  const { names, expected, actual } = check;
  const differences = names.map((name) => `${name} is ${actual[name]}, not ${expected[name]}`);
  throw new WeatherError(
    'sums-differ',
    `Cannot use "${field.name}": not as it was offered: ${differences.join(', ')}`,
  );
}

/** The sums and the moment of the offer, ns of CLOCK_MONOTONIC, as attributes. */
export function offerAttributes(sums: FieldSums): FieldAttributes {
  return { ...sums, offeredAtNs: monotonicNs() };
}

export function offeredAtMs(field: Pick<ReceivedField, 'attributes'>): number {
  return numberOf(field.attributes['offeredAtNs']) / 1e6;
}

export interface Program {
  readonly settings: Settings;
  readonly plan: Plan;
  readonly pool: FieldPool;
  readonly tally: Tally;
  /** `--number` and `--out`. */
  readonly number: number;
  readonly out: string;
  /** Requires all of it, ahead of time, and lets the producers begin. */
  require(objects: readonly FieldObject[]): Promise<void>;
  /** Waits for a field and checks it. */
  receive(object: FieldObject): Promise<ReceivedField>;
  /**
   * Offers what was computed from `sources`, and withdraws at once: whoever has required it is
   * still served, and then its memory is free.
   */
  offerProduct(
    product: FieldObject,
    sums: FieldSums,
    sources: readonly Pick<ReceivedField, 'attributes'>[],
  ): Promise<void>;
}

function createProgram(
  parts: Pick<Program, 'settings' | 'plan' | 'pool' | 'tally' | 'number' | 'out'>,
): Program {
  const { tally } = parts;
  return {
    ...parts,
    async require(objects) {
      await Promise.all(objects.map((object) => object.require()));
      tell({ kind: 'ready' });
    },
    async receive(object) {
      const field = await object.demand();
      checkReceived(field);
      tally.add({ checked: 1 });
      return field;
    },
    async offerProduct(product, sums, sources) {
      const latencyMs = monotonicMs() - Math.max(...sources.map(offeredAtMs));
      tally.product(product.name, product.bytes, latencyMs);
      product.set({ attributes: offerAttributes(sums) });
      await product.handOver();
    },
  };
}

function createTally(): Tally {
  let toldMs = 0;
  const tally = new Tally(() => {
    // Asked after each field: a program that computes lets no timer run.
    const nowMs = monotonicMs();
    if (nowMs - toldMs < PROGRESS_MS) return;
    toldMs = nowMs;
    tell({ kind: 'progress', counts: tally.counts });
  });
  return tally;
}

/** When the demo is gone, so are its programs. */
function endWithDemo(): () => void {
  const onDisconnect = (): never => process.exit(1);
  process.once('disconnect', onDisconnect);
  return () => {
    process.off('disconnect', onDisconnect);
    if (process.connected) process.disconnect();
  };
}

async function run(name: string, body: (program: Program) => Promise<void>): Promise<void> {
  const { values } = parseArgs({ options: PROGRAM_FLAGS });
  const settings = settingsFrom(values);
  const plan = createPlan(settings);
  const number = Number(values.number ?? 0);
  const member = values.number === undefined ? name : `${name}[${number}]`;
  const pool = await openExchange(settings, plan, member);
  const tally = createTally();
  await body(
    createProgram({ settings, plan, pool, tally, number, out: values.out ?? 'out/weather' }),
  );
  const result = tally.result();
  await pool.leave();
  await tellLast({ kind: 'result', result });
}

/** Runs a program to its end; an error goes to standard error, and the exit code is 1. */
export async function runProgram(
  name: string,
  body: (program: Program) => Promise<void>,
): Promise<void> {
  const release = endWithDemo();
  try {
    await run(name, body);
    release();
  } catch (error) {
    const isExpected = error instanceof Error && 'code' in error;
    const text = isExpected ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${text}\n`, () => process.exit(1));
  }
}
