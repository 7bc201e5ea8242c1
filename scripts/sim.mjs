// Runs the simulator: a whole deployment by seed, in virtual time (docs/internals/simulation.md).
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { run } from '../dist/src/sim/world.js';

const HELP = `Usage: npm run sim -- [options]

Runs seeds one after the other, each a pool with its members, connections and faults in virtual
time, and stops at the first that breaks a promise. Without options: random seeds for 10 seconds.

  --seed N        this seed only; prints what happened last when it fails
  --seeds A..B    these seeds
  --for TIME      random seeds for so long: 90s, 10m
  --ticks T       events of each seed before its faults stop (default 2000)
  --trace         with --seed: prints what happened last in any case
  --json          one line of JSON a seed
  --help          this text
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    for: { type: 'string' },
    ticks: { type: 'string', default: '2000' },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** On stderr, so that a long run is seen to go on. */
const PROGRESS_MS = 15_000;

function pace() {
  const minutes = (performance.now() - started) / 60_000;
  return `${Math.round(count / minutes)} seeds a minute`;
}

function fail(message) {
  process.stderr.write(`sim: ${message}\n`);
  process.exit(2);
}

function wholeNumber(text, what) {
  if (!/^\d+$/.test(text)) fail(`${what} is a whole number, not "${text}"`);
  return Number(text);
}

function* seedsOf() {
  if (values.seed !== undefined) return yield wholeNumber(values.seed, '--seed');
  if (values.seeds !== undefined) {
    const [from, to = from] = values.seeds.split('..');
    const last = wholeNumber(to, '--seeds A..B');
    for (let seed = wholeNumber(from, '--seeds A..B'); seed <= last; seed++) yield seed;
    return;
  }
  const match = /^(\d+)(s|m|h)?$/.exec(values.for ?? '10s');
  if (match === null) fail(`--for is a time such as 90s or 10m, not "${values.for}"`);
  const seconds = Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] ?? 's'];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) yield Math.floor(Math.random() * 2 ** 31);
}

if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

// Refusals are common here; where each was made is of no interest.
Error.stackTraceLimit = 0;
const lent = { checksum: crc32, drained: () => setImmediate() };
const ticks = wholeNumber(values.ticks, '--ticks');
const started = performance.now();
let count = 0;
let events = 0;
let toldMs = started;
for (const seed of seedsOf()) {
  const result = await run(seed, { ticks, lent });
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
  const again = await run(seed, { ticks, lent, traces: true });
  if (!values.json) process.stdout.write(`${again.lines.join('\n')}\n`);
  if (again.failure === null) continue;
  const { rule, stack } = again.failure;
  process.stderr.write(`\nsim: seed ${seed} breaks "${rule}"\n${stack}\n`);
  process.stderr.write(`again: npm run sim -- --seed ${seed} --ticks ${ticks}\n`);
  process.exit(1);
}
if (!values.json) process.stdout.write(`sim: ${count} seeds hold, ${events} events, ${pace()}\n`);
