// Runs the simulator: a whole deployment by seed, in virtual time (docs/internals/simulation.md).
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { SPECIALS } from '../dist/src/sim/workload.js';
import { run } from '../dist/src/sim/world.js';

const HELP = `Usage: npm run sim -- [options]

Runs seeds one after the other, each a pool with its members, connections and faults in virtual
time, and stops at the first that breaks a promise. Without options: random seeds for 10 seconds.

  --seed N        this seed only; prints what happened last when it fails
  --seeds A..B    these seeds
  --for TIME      random seeds for so long: 90s, 10m
  --ticks T       events of each seed before its faults stop (default 2000)
  --mostly WHAT   most of what is asked is about it: opening, growing, defining,
                  conducting, stepping, meeting, grouping
  --trace         with --seed: prints what happened last in any case
  --json          one line of JSON a seed
  --help          this text
`;

/** On stderr, so that a long run is seen to go on. */
const PROGRESS_MS = 15_000;
const RANDOM_SEEDS_END = 2 ** 31;

const values = optionsOf();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const ticks = wholeNumber(values.ticks ?? '2000', '--ticks');
const { words, seeds } = chosen();

// Refusals are common here; where each was made is of no interest.
Error.stackTraceLimit = 0;
const mostly = mostlyOf(values.mostly);
const lent = { checksum: crc32, drained: () => setImmediate() };
const mostlyWords = mostly === undefined ? '' : ` --mostly ${mostly}`;
const started = performance.now();
let count = 0;
let events = 0;
let toldMs = started;
for (const seed of seeds) {
  const result = await run(seed, { ticks, lent, mostly });
  count++;
  events += result.events;
  if (values.json) {
    const counts = Object.fromEntries([...result.counts].sort());
    const { digest, failure } = result;
    const line = { seed, ticks, digest, events: result.events, failure, counts };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } else if (values.seed !== undefined) {
    process.stdout.write(`seed ${seed}: ${result.events} events, digest ${result.digest}\n`);
  }
  const nowMs = performance.now();
  if (nowMs - toldMs > PROGRESS_MS) {
    process.stderr.write(`sim: ${count} seeds hold, at ${seed}, ${pace()}\n`);
    toldMs = nowMs;
  }
  if (result.failure === null && !values.trace) continue;
  Error.stackTraceLimit = 30;
  const again = await run(seed, { ticks, lent, mostly, traces: true });
  if (!values.json) process.stdout.write(`${again.lines.join('\n')}\n`);
  if (again.failure === null) continue;
  const { rule, stack } = again.failure;
  process.stderr.write(`\nsim: seed ${seed} breaks "${rule}"; before it ${count - 1} have held\n`);
  process.stderr.write(
    `${stack}\nagain: npm run sim -- --seed ${seed} --ticks ${ticks}${mostlyWords}\n`,
  );
  process.exit(1);
}
const sum = `${count} ${count === 1 ? 'seed holds' : 'seeds hold'} (${words})`;
if (!values.json) process.stdout.write(`sim: ${sum}, ${events} events, ${pace()}\n`);

function pace() {
  const minutes = (performance.now() - started) / 60_000;
  return `${Math.round(count / minutes)} seeds a minute`;
}

function fail(message) {
  process.stderr.write(`sim: ${message}\n`);
  process.exit(2);
}

/** The options, each of them once. */
function optionsOf() {
  const text = { type: 'string', multiple: true };
  const flag = { type: 'boolean' };
  const options = { seed: text, seeds: text, for: text, ticks: text, mostly: text };
  try {
    const { values: given } = parseArgs({
      options: { ...options, trace: flag, json: flag, help: flag },
    });
    for (const name of Object.keys(options)) {
      if ((given[name] ?? []).length > 1) fail(`--${name} is given more than once`);
      given[name] = given[name]?.[0];
    }
    return given;
  } catch (error) {
    // One line, and not the hints behind it.
    const [first] = error.message.split(/\n|\. /);
    return fail(`${first} (--help says what there is)`);
  }
}

function mostlyOf(what) {
  if (what !== undefined && !SPECIALS.includes(what)) {
    fail(`--mostly is one of ${SPECIALS.join(', ')}, not "${what}"`);
  }
  return what;
}

function wholeNumber(text, what) {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) fail(`${what} is a whole number, not "${text}"`);
  return number;
}

/** Which seeds are asked for, and what they are called at the end. */
function chosen() {
  const asked = ['seed', 'seeds', 'for'].filter((name) => values[name] !== undefined);
  if (asked.length > 1) fail(`--${asked[0]} and --${asked[1]} do not go together`);
  if (values.trace && values.seed === undefined) fail('--trace is of one --seed');
  if (values.seed !== undefined) {
    const seed = wholeNumber(values.seed, '--seed');
    return { words: `${seed}`, seeds: [seed] };
  }
  if (values.seeds !== undefined) {
    const [from, to = from, ...rest] = values.seeds.split('..');
    if (rest.length > 0) fail(`--seeds is a range such as 1..100, not "${values.seeds}"`);
    const first = wholeNumber(from, 'the begin of --seeds A..B');
    const last = wholeNumber(to, 'the end of --seeds A..B');
    if (last < first) fail(`--seeds ${values.seeds} are none: its end is before its begin`);
    return { words: `${first}..${last}`, seeds: range(first, last) };
  }
  const match = /^(\d+)(s|m|h)?$/.exec(values.for ?? '10s');
  if (match === null) fail(`--for is a time such as 90s or 10m, not "${values.for}"`);
  const seconds = Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] ?? 's'];
  if (seconds === 0) fail(`--for ${values.for} is no time`);
  return { words: `random ones below ${RANDOM_SEEDS_END}`, seeds: randoms(seconds * 1_000) };
}

function* range(first, last) {
  for (let seed = first; seed <= last; seed++) yield seed;
}

function* randoms(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) yield Math.floor(Math.random() * RANDOM_SEEDS_END);
}
