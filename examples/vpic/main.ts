/** Runs the example: a pool, writers that compute, readers that look, and draws what they saw. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { join, type Pool } from 'attacca';
import { serve } from 'attacca/server';
import { Child, describeEnd } from '../weather/demo/child.js';
import { parseFlags } from '../weather/demo/flags.js';
import { formatBytes, formatCount } from '../weather/demo/format.js';
import { WeatherError } from '../weather/errors.js';
import { integerFlag } from '../weather/settings.js';
import { gatherResults, type Results } from './gather.js';
import { drawPicture } from './picture.js';
import { createPlan, type Plan } from './plan.js';
import { growthRate, measuredRate } from './plasma.js';
import { isProgress, isTally, type Tally } from './programs/messages.js';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
const KILL_MS = 3_000;
const MEMORY_BYTES_MIN = 256 * 1024 * 1024;
const PANELS_MAX = 3;

const USAGE = `Attacca's plasma example: two beams of electrons, computed by several writers, looked at by readers
that deal the particles out in another way and ask for those of high energy alone.

usage: npm run vpic -- [flags]      (or node dist/examples/vpic/main.js [flags])

  --writers N      who compute, each with the particles in its part of space (default 3)
  --readers N      who look, each with its share of the list of all particles (default 2)
  --particles N    of all (default 200000)
  --steps N        outputs of eight datasets, at even distances (default 5)
  --until T        how long, in units of 1/plasma frequency (default 40)
  --cut E          energy from which on a particle is looked at closely (default 1.5; a beam has 0.5)
  --seed N         of the velocities' spread
  --out FILE.png   the picture (default out/vpic/beams.png)
  --help
`;

const FLAGS = {
  writers: { type: 'string' },
  readers: { type: 'string' },
  particles: { type: 'string' },
  steps: { type: 'string' },
  until: { type: 'string' },
  cut: { type: 'string' },
  seed: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

interface Wish {
  readonly plan: Plan;
  readonly out: string;
  readonly isHelp: boolean;
}

/** @throws WeatherError `bad-usage` */
function parseWish(argv: readonly string[]): Wish {
  const values = parseFlags(argv, FLAGS);
  const cut = values.cut === undefined ? 1.5 : Number(values.cut);
  if (values.cut?.trim() === '' || !(cut >= 0 && cut < 1_000)) {
    throw new WeatherError('bad-usage', `Cannot take "--cut ${values.cut}": not an energy`);
  }
  const integer = (
    flag: 'writers' | 'readers' | 'particles' | 'steps' | 'until' | 'seed',
    of: Bounds,
  ) => integerFlag(flag, values[flag], of);
  const plan = createPlan({
    writers: integer('writers', { min: 1, max: 64, otherwise: 3 }),
    readers: integer('readers', { min: 1, max: 64, otherwise: 2 }),
    particles: integer('particles', { min: 100, max: 50_000_000, otherwise: 200_000 }),
    steps: integer('steps', { min: 1, max: 400, otherwise: 5 }),
    until: integer('until', { min: 1, max: 1_000, otherwise: 40 }),
    seed: integer('seed', { min: 0, max: 999_999_999, otherwise: 1 }),
    cut,
  });
  return { plan, out: values.out ?? 'out/vpic/beams.png', isHelp: values.help === true };
}
type Bounds = Parameters<typeof integerFlag>[2];

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

/** Runs all programs, until each has ended well. */
async function runPrograms(
  plan: Plan,
  address: string,
  signal: AbortSignal,
): Promise<readonly Tally[]> {
  const tallies: Tally[] = [];
  const start = (program: Tally['program'], index: number): Child =>
    new Child({
      name: `${program}[${index}]`,
      file: `../../vpic/programs/${program}.js`,
      args: [String(index), JSON.stringify(plan)],
      env: { ...process.env, ATTACCA_POOL: address },
      onMessage: (message) => {
        if (isTally(message)) tallies.push(message);
        if (isProgress(message)) say(`  time ${message.time.toFixed(1)} is written`);
      },
    });
  const children = [
    ...Array.from({ length: plan.writers }, (_, index) => start('writer', index)),
    ...Array.from({ length: plan.readers }, (_, index) => start('reader', index)),
  ];
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new WeatherError('interrupted', 'Ended')));
  });
  const through = children.map(async (child) => {
    const end = await child.ended;
    if (end.code === 0) return;
    const why = `The ${child.name} ${describeEnd(end)}: ${child.errors}`;
    throw new WeatherError('program-failed', why);
  });
  try {
    await Promise.race([Promise.all(through), interrupted]);
    return tallies;
  } finally {
    for (const child of children) child.kill('SIGTERM');
    const hard = setTimeout(() => {
      for (const child of children) child.kill('SIGKILL');
    }, KILL_MS);
    await Promise.all(children.map((child) => child.ended));
    clearTimeout(hard);
  }
}

function sumOf(tallies: readonly Tally[], program: Tally['program'], count: string): number {
  const counts = tallies.filter((tally) => tally.program === program);
  return counts.reduce((sum, tally) => sum + (tally.counts[count] ?? 0), 0);
}

/** What moved, and what of the physics can be checked. */
function summarise(plan: Plan, tallies: readonly Tally[], { history }: Results): number {
  const { writers, readers, steps, plasma } = plan;
  const written = sumOf(tallies, 'writer', 'bytes');
  const read = sumOf(tallies, 'reader', 'bytes');
  const hot = sumOf(tallies, 'reader', 'hot');
  const seen = sumOf(tallies, 'reader', 'elements');
  const moved = sumOf(tallies, 'writer', 'moved');
  const energies = history.times.map((_, at) => history.energies[at] ?? 0);
  const first = energies[0] ?? 1;
  const drift = Math.max(...energies.map((energy) => Math.abs(energy / first - 1)));
  const wave = (2 * Math.PI * plasma.seedMode) / plasma.length;
  const rate = measuredRate(history.times, history.amplitudes);
  say(
    `${writers} writers: ${formatBytes(written)} in ${steps} outputs of 8 datasets and the field;`,
  );
  say(`  ${formatCount(moved)} particles went from one writer to another in between.`);
  say(`${readers} readers: ${formatBytes(read)}, ${((100 * read) / written).toFixed(0)} % of it:`);
  say(
    `  all ${formatCount(seen)} energies, every eighth particle, and ${formatCount(hot)} of high energy.`,
  );
  say(`Energy kept within ${(100 * drift).toFixed(2)} %; the wave grows by ${rate.toFixed(3)},`);
  say(`  by theory (cold beams) ${growthRate(wave).toFixed(3)}.`);
  return rate;
}

function draw(plan: Plan, { times, phases, spectra, field, history }: Results, rate: number) {
  const { plasma, cut, steps, ticks } = plan;
  const shown = Math.min(PANELS_MAX, steps);
  const panels = Array.from({ length: shown }, (_, at) =>
    Math.round(((at + 1) * steps) / shown - 1),
  ).flatMap((step) => {
    const phase = phases[step];
    return phase === undefined ? [] : [{ time: times[step] ?? 0, ...phase }];
  });
  const ends = steps === 1 ? [0] : [0, steps - 1];
  return drawPicture({
    length: plasma.length,
    cut,
    duration: steps * ticks * plasma.timeStep,
    panels,
    field: { values: field, rows: steps * ticks },
    spectra: ends.map((step) => ({
      time: times[step] ?? 0,
      counts: spectra[step] ?? new Float64Array(1),
    })),
    growth: {
      times: history.times,
      amplitudes: history.amplitudes,
      theory: growthRate((2 * Math.PI * plasma.seedMode) / plasma.length),
      measured: rate,
    },
  });
}

async function run({ plan, out }: Wish, signal: AbortSignal): Promise<void> {
  const { plasma, writers, readers, steps } = plan;
  say(
    `${formatCount(plasma.particles)} electrons in two beams, ${writers} writers, ${readers} readers.`,
  );
  // Two outputs at a time, and as much again for what moves in between.
  const memoryBytes = Math.max(MEMORY_BYTES_MIN, 4 * 32 * plasma.particles);
  const server = await serve({ name: `vpic-${process.pid}`, memoryBytes });
  let pool: Pool | null = null;
  try {
    pool = await join({ member: 'painter', address: server.address });
    const results = gatherResults(pool, plan);
    results.catch(() => {});
    const tallies = await runPrograms(plan, server.address, signal);
    const found = await results;
    const rate = summarise(plan, tallies, found);
    const path = resolve(out);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, draw(plan, found, rate));
    say(`Picture of ${Math.min(PANELS_MAX, steps)} times: ${relative('', path)}`);
  } finally {
    await pool?.leave().catch(() => []);
    await server.close();
  }
}

/** Exit code of the example. */
async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupt.abort());
  }
  try {
    const wish = parseWish(argv);
    if (wish.isHelp) process.stdout.write(USAGE);
    else await run(wish, interrupt.signal);
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) {
      process.stderr.write('Ended; nothing is left behind.\n');
      return EXIT_INTERRUPTED;
    }
    const isExpected = error instanceof Error && 'code' in error;
    const text = isExpected ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${text}\n`);
    return error instanceof WeatherError && error.code === 'bad-usage' ? EXIT_USAGE : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
