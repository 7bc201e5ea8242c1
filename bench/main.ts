import { rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseWish, USAGE, type Wish } from './harness/arguments.js';
import type { Benchmark } from './harness/benchmark.js';
import { describeCommit, describeMachine } from './harness/machine.js';
import { markdownOf, recordsOf } from './harness/markdown.js';
import { memoryRoot } from './harness/memory-root.js';
import { type BenchRecord, recordOf, tableOf } from './harness/report.js';
import { Runner } from './harness/runner.js';
import { benchmarks } from './list.js';
import { rivalsPython } from './rivals/installed.js';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

type Run = Extract<Wish, { kind: 'run' }>;

function list(): string {
  return benchmarks
    .flatMap(({ name, describe, sizes }) => [
      `${name.padEnd(12)} ${describe}`,
      ...Object.entries(sizes).map(([size, what]) => `${' '.repeat(15)}--size ${size}: ${what}`),
    ])
    .join('\n')
    .concat('\n');
}

function choose(wish: Run): { benchmark: Benchmark; size: string }[] {
  return wish.names.map((name) => {
    const benchmark = benchmarks.find((one) => one.name === name);
    if (benchmark === undefined) {
      const known = benchmarks.map((one) => one.name).join(', ');
      throw new TypeError(`Cannot run "${name}": there are ${known}`);
    }
    const sizes = Object.keys(benchmark.sizes);
    const size = wish.size ?? sizes[0] ?? '';
    if (!sizes.includes(size)) {
      throw new TypeError(`Cannot run ${name} at size "${size}": there are ${sizes.join(', ')}`);
    }
    return { benchmark, size };
  });
}

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

/** Runs what is asked for; returns whether the product could be measured everywhere. */
async function run(wish: Run): Promise<boolean> {
  const chosen = choose(wish);
  const place = { commit: describeCommit(), machine: describeMachine() };
  const records: BenchRecord[] = [];
  let well = true;
  for (const { benchmark, size } of chosen) {
    say(`${benchmark.name}, size ${size}: ${benchmark.describe}`);
    const runner = new Runner({
      size,
      rounds: wish.rounds,
      quietMs: wish.quietMs,
      python: rivalsPython(),
      memoryRoot: memoryRoot(),
      diskRoot: wish.directory ?? tmpdir(),
      without: wish.without,
      only: wish.only,
      say,
    });
    const cleanUp = (): void => {
      runner.killNow();
      for (const path of runner.directories) rmSync(path, { recursive: true, force: true });
    };
    const interrupted = (): void => process.exit(EXIT_INTERRUPTED);
    process.once('exit', cleanUp);
    process.once('SIGINT', interrupted);
    process.once('SIGTERM', interrupted);
    await runner.run(benchmark);
    process.off('exit', cleanUp);
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    records.push(recordOf(benchmark.name, place, runner.judged));
    const table = tableOf(benchmark.name, runner.judged, runner.skipped);
    if (wish.json === '-') process.stderr.write(table);
    else process.stdout.write(table);
    well &&= !runner.failed;
  }
  say(`${place.machine}; commit ${place.commit}; medians of ${wish.rounds} rounds`);
  await writeRecords(wish.json, records);
  return well;
}

/** Tables for README.md of what `--json` has written. */
async function markdown(files: readonly string[]): Promise<string> {
  const texts = await Promise.all(
    files.map(async (file) => {
      try {
        return { file, text: await readFile(file, 'utf8') };
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new TypeError(`Cannot read "${file}": ${why}`, { cause });
      }
    }),
  );
  return markdownOf(texts.flatMap(({ file, text }) => recordsOf(file, text)));
}

/** One benchmark is one object, several are a list. */
async function writeRecords(file: string | null, records: readonly BenchRecord[]): Promise<void> {
  if (file === null) return;
  const text = `${JSON.stringify(records.length === 1 ? records[0] : records, null, 2)}\n`;
  if (file === '-') process.stdout.write(text);
  else await writeFile(file, text);
}

try {
  const wish = parseWish(process.argv.slice(2));
  if (wish.kind === 'help') process.stdout.write(USAGE);
  else if (wish.kind === 'list') process.stdout.write(list());
  else if (wish.kind === 'markdown') process.stdout.write(await markdown(wish.files));
  else if (!(await run(wish))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`bench: ${error.message}\n\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
}
