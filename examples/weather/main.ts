/** The demo: runs the weather workflow on a pool, then over files, and compares. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { monotonicMs } from './clock.js';
import { type DemoArguments, parseArguments, USAGE } from './demo/arguments.js';
import { castOf } from './demo/cast.js';
import { type Figures, figuresOf, figuresTable } from './demo/figures.js';
import { formatBytes, formatCount, formatSeconds } from './demo/format.js';
import { type Medium, openMedium } from './demo/medium.js';
import { Progress } from './demo/progress.js';
import { type Outcome, Workflow } from './demo/workflow.js';
import { WeatherError } from './errors.js';
import { isModuleVia, moduleLabel } from './exchange/module.js';
import { bytesPerField, createPlan, fieldsPerStep, type Plan } from './plan.js';
import type { BuiltInVia, Via } from './settings.js';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** Where the meaning of a row stands. */
const LEGEND_INDENT = 24;

const HEADLINES: Readonly<Record<BuiltInVia, string>> = {
  pool: 'through a pool: fields in shared memory, products start when their own fields are there',
  brokers: 'through a pool: consumers are told of each field before it is offered, and require it',
  files: "through files, as today: one for each member's step, products start when it is complete",
  'file-per-field':
    'through files: one for each field, written, renamed, noticed at once (inotify)',
};

const headlineOf = (via: Via): string =>
  isModuleVia(via) ? `through what ${moduleLabel(via)} gives` : HEADLINES[via];

function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** What everything is about, before it begins. */
function introduce({ settings, vias }: DemoArguments, plan: Plan): void {
  const { members, steps, levels, grid, params } = plan;
  const size = `${grid.latitudes.length} x ${grid.longitudes.length}`;
  const fields = fieldsPerStep(plan);
  const total = `${formatCount(fields * steps.length * members)} fields of ${formatBytes(bytesPerField(plan))}`;
  if (plan.kind === 'analysis') {
    say(
      `Weather from ${settings.input}: ${params.join(', ')} on ${levels.join(', ')} hPa, ${size} points,`,
    );
    say(`${[...plan.stepLabels.values()].join(', ')}: ${total}.`);
  } else if (plan.kind === 'messages') {
    say(
      `Product generation at ECMWF's sizes: ${members} producers offer ${fields} fields a step, ${steps.length} steps:`,
    );
    say(`${total}; ${members} consumers take, check and sum up every one of them.`);
    say(
      'Nine fields a step are the model\u2019s own, the others are these, scaled: it is about moving data.',
    );
  } else {
    say(
      `An ensemble of ${members} weather forecasts over ${(steps.length * 6) / 24} days (shallow water on the sphere, ${settings.truncation} waves):`,
    );
    say(
      `each model is a process and hands over ${fields} fields every 6 hours: ${total} (${size}).`,
    );
    say(
      'Wind speed, vorticity, ensemble mean and spread, strongest wind, and maps are programs too: each',
    );
    say("starts when its fields are there, and checks them against the model's own sums.");
  }
  if (vias.length > 1) {
    say(
      `The same programs run ${vias.length} times, one after the other; only the way of the fields differs.`,
    );
  }
}

async function runOnce(
  via: Via,
  demo: DemoArguments,
  plan: Plan,
  signal: AbortSignal,
): Promise<Outcome> {
  const fields = fieldsPerStep(plan) * plan.steps.length * plan.members;
  // Products are at most as many bytes again; messages are only summed up.
  const bytes = (plan.kind === 'messages' ? 1.1 : 2.2) * fields * bytesPerField(plan);
  const medium: Medium = await openMedium(via, {
    parent: demo.directory,
    bytes,
    memoryBytes: demo.memoryBytes,
  });
  // One set of maps is kept; those of other runs are compared by what they show.
  const isKept = via === demo.vias[0];
  const out = isKept ? resolve(demo.out) : join(tmpdir(), `attacca-weather-maps-${process.pid}`);
  const transport = demo.transport === undefined ? {} : { ATTACCA_TRANSPORT: demo.transport };
  const settings = { ...demo.settings, via, directory: medium.directory };
  const progress = new Progress({
    fields,
    products: castOf(plan, settings, out).productCount,
    word: plan.kind === 'messages' ? 'checks' : 'products',
  });
  try {
    for (const line of medium.description) say(`  ${line}`);
    const workflow = new Workflow({
      plan,
      settings,
      out,
      env: { ...medium.env, ...transport },
      server: medium.server,
      pids: medium.pids,
      memoryDirectory: medium.memoryDirectory,
      onProgress: (counts) => progress.update(counts),
      onFailure: (text) => progress.interrupt(`${text}; waiting for what the others hear of it`),
      signal,
    });
    return await workflow.run();
  } finally {
    progress.end();
    await medium.close();
    if (!isKept) rmSync(out, { recursive: true, force: true });
  }
}

/** @throws WeatherError `sums-differ` when two runs made different products. */
function compareProducts(outcomes: ReadonlyMap<Via, Outcome>): void {
  const [first, ...others] = [...outcomes];
  if (first === undefined || others.length === 0) return;
  const [firstVia, { fingerprints }] = first;
  for (const [via, other] of others) {
    const at = fingerprints.findIndex((one, index) => one !== other.fingerprints[index]);
    if (at < 0 && other.fingerprints.length === fingerprints.length) continue;
    const name = fingerprints[at]?.split(' ')[0] ?? '';
    throw new WeatherError(
      'sums-differ',
      `Cannot trust the products: those of ${via} differ from those of ${firstVia}, first "${name}"`,
    );
  }
  if (fingerprints.length === 0) return;
  say();
  say(
    `The ${formatCount(fingerprints.length)} products of all ${outcomes.size} runs are the same, bit for bit.`,
  );
}

const HELD_UP_MEANS = [
  'models held up',
  "part of the models' time spent in allocating, writing and offering, without",
  'the time in which other programs had the processors',
] as const;

/** What the rows mean, for who sees them for the first time. */
function explainTable(plan: Plan): void {
  const product = plan.kind === 'messages' ? 'check' : 'product';
  const rows: readonly (readonly [row: string, ...meaning: string[]])[] = [
    [
      'after its last field',
      `how long after the last field that it needs was computed a ${product} is there:`,
      'handing over, waiting for a processor, computing. Half take no longer than the',
      'median, 99 of 100 no longer than the row below it. Less is better; but where',
      'programs outnumber processors, waiting can be most of it and differs from run',
      'to run: a smaller number in one column then says little of the way of the fields',
    ],
    ...(plan.kind === 'analysis' ? [] : [HELD_UP_MEANS]),
    [
      'until the last product',
      `the whole workflow: from the start of the models until the last ${product} is there`,
    ],
    [
      'peak memory',
      'of all programs and the pool with its shared memory, or files on a tmpfs;',
      'not the page cache of files on disk',
    ],
  ];
  say();
  for (const [row, first = '', ...more] of rows) {
    say(row.padEnd(LEGEND_INDENT) + first);
    for (const line of more) say(' '.repeat(LEGEND_INDENT) + line);
  }
}

function listMaps({ paths }: Outcome): void {
  if (paths.length === 0) return;
  say();
  say(`Maps: ${paths.length} in ${relative('', dirname(paths[0] ?? '')) || '.'}`);
  for (const path of paths) say(`  ${relative('', path)}`);
}

function writeJson(path: string, plan: Plan, all: ReadonlyMap<Via, Figures>): void {
  const { members, steps, grid, kind } = plan;
  const workflow = {
    kind,
    members,
    steps: steps.length,
    grid: [grid.latitudes.length, grid.longitudes.length],
  };
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ workflow, vias: Object.fromEntries(all) }, null, 2)}\n`);
  say();
  say(`Figures: ${path}`);
}

async function runDemo(demo: DemoArguments, signal: AbortSignal): Promise<void> {
  const plan = createPlan(demo.settings);
  introduce(demo, plan);
  const outcomes = new Map<Via, Outcome>();
  for (const [index, via] of demo.vias.entries()) {
    say();
    say(`${index + 1} of ${demo.vias.length}  ${headlineOf(via)}`);
    const startedMs = monotonicMs();
    const outcome = await runOnce(via, demo, plan, signal);
    outcomes.set(via, outcome);
    const { checked, maps } = outcome.counts;
    const drawn = maps === 0 ? '' : `; ${maps} maps`;
    const took = formatSeconds(monotonicMs() - startedMs);
    say(
      `  done in ${took}: ${formatCount(checked)} fields received, each checked against its maker's sums: all equal${drawn}`,
    );
  }
  say();
  const figures = new Map([...outcomes].map(([via, outcome]) => [via, figuresOf(outcome)]));
  say(figuresTable(figures, plan.kind !== 'analysis'));
  explainTable(plan);
  compareProducts(outcomes);
  for (const via of demo.vias.slice(0, 1)) {
    const outcome = outcomes.get(via);
    if (outcome !== undefined) listMaps(outcome);
  }
  if (demo.json !== undefined) writeJson(demo.json, plan, figures);
}

/** Exit code of the demo. */
async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupt.abort(new Error(signal)));
  }
  try {
    const demo = parseArguments(argv);
    if (demo.isHelp) process.stdout.write(USAGE);
    else await runDemo(demo, interrupt.signal);
    return 0;
  } catch (error) {
    const isCtrlC = error instanceof WeatherError && error.code === 'interrupted';
    if (interrupt.signal.aborted || isCtrlC) {
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
