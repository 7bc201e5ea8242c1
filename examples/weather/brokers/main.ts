/**
 * The weather workflow as its brokers see it: starts a pool and the programs, lets one join late,
 * kills one if that is wanted, and counts whether everything was there.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { join } from 'attacca';
import { importFile } from 'attacca/files';
import { monotonicMs } from '../clock.js';
import { formatSeconds } from '../demo/format.js';
import { type Medium, openMedium } from '../demo/medium.js';
import { WeatherError } from '../errors.js';
import { badUsage } from '../settings.js';
import { Beside } from './beside.js';
import { Conductor } from './conductor.js';
import { IMPORTED } from './fields.js';
import { faultsOf, linesOf, sumUp } from './figures.js';
import { keptIn, lookInto, removeStore } from './kept.js';
import { mainArguments } from './settings.js';

const USAGE = `Attacca's weather example with brokers: who needs a field is told before it is there.

usage: npm run brokers -- [flags]      (or node dist/examples/weather/brokers/main.js [flags])

  --members N          of the ensemble: as many producers, and as many brokers (default 4)
  --steps N            default 8
  --grid ROWSxCOLUMNS  of the model's fields, both even (default 90x180)
  --seed N             of the model's initial states
  --input FILE.grib    the messages of a file instead of a model's fields
  --workers N          who share one subscription (default 2)
  --kill-worker        one of them, in the middle
  --without-conductors no archiver, librarian and tracer beside them
  --beside COMMAND     what the shell runs beside them, too, on the same pool, as in
                       'attacca events offer --from start --complete'; may be said again
  --memory SIZE        of the pool, as in 64m; when it is full, producers wait for brokers
  --out DIR            of a map, the archiver's store and a trace (default out/brokers)
  --json FILE          the figures
  --help
`;

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Puts the messages of a file into the pool, where the producers find them. */
async function importInto({ env }: Medium, path: string, signal: AbortSignal): Promise<void> {
  await using pool = await join({ address: env['ATTACCA_POOL'], member: 'import' });
  const { objects, skipped } = await importFile(pool, path, {
    ...{ name: IMPORTED, format: 'grib', signal },
  });
  for (const { name, why } of skipped) say(`  left out: ${name}: ${why}`);
  if (objects.length === 0) throw badUsage(`Cannot take "--input ${path}": it has no GRIB message`);
  say(`  ${objects.length} messages of ${path}, to be re-keyed by member and step`);
}

async function run(demo: ReturnType<typeof mainArguments>, signal: AbortSignal): Promise<number> {
  const { settings, memoryBytes, isWorkerKilled, json, out } = demo;
  const { members, workers, input, isConducted } = settings;
  const beside = isConducted ? '; archiver, librarian and tracer beside' : '';
  say(`${members} producers and their brokers, a contract, ${workers} workers${beside}:`);
  if (isConducted) removeStore(out);
  const medium = await openMedium('pool', { bytes: 0, memoryBytes });
  const commands: Beside[] = [];
  try {
    say(`  ${medium.description[0]}`);
    signal.throwIfAborted();
    if (input !== undefined) await importInto(medium, resolve(input), signal);
    commands.push(...demo.besides.map((command) => new Beside(command, medium.env)));
    const startedMs = monotonicMs();
    const conductor = new Conductor(medium, demo, say);
    const ended = await conductor.run(signal);
    const tookMs = monotonicMs() - startedMs;
    await Promise.all(commands.map((command) => command.finish(signal)));
    const { store, trace } = keptIn(out);
    const figures = sumUp(
      ended,
      tookMs,
      isConducted ? await lookInto(store) : null,
      conductor.restarts,
    );
    say(`It has ended by itself, after ${formatSeconds(figures.took_s * 1_000)}.`);
    for (const line of linesOf(figures)) say(line);
    if (isConducted) say(`kept           ${store}, ${trace}`);
    const faults = faultsOf(figures);
    if (isWorkerKilled && !conductor.isOneKilled) faults.push('no worker was killed');
    if (json !== undefined) {
      mkdirSync(dirname(resolve(json)), { recursive: true });
      writeFileSync(json, `${JSON.stringify(figures, null, 2)}\n`);
    }
    say(faults.length === 0 ? 'Nothing is missing.' : `Something is wrong: ${faults.join('; ')}.`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    for (const command of commands) command.kill('SIGTERM');
    await medium.close();
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupt.abort());
  }
  try {
    const demo = mainArguments(argv);
    if (!demo.isHelp) return await run(demo, interrupt.signal);
    process.stdout.write(USAGE);
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    const isExpected = error instanceof Error && 'code' in error;
    const text = isExpected ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${text}\n`);
    return error instanceof WeatherError && error.code === 'bad-usage' ? EXIT_USAGE : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
