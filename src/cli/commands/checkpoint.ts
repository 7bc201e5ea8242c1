import {
  type CheckpointOptions,
  type CompleteStep,
  checkpoint,
  lastCheckpoint,
} from '../../apps/index.js';
import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import { type Context, defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, parseCount } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Stopping } from '../stopping.js';
import { durabilityOf } from '../store/option.js';
import { sayNothingPromised } from '../wait-line.js';
import { checkedSelector, sayMistypedKeys } from '../where.js';

const OPTIONS = {
  to: { type: 'string', value: 'DIR', help: 'the store; it is made when it is not there' },
  keep: { type: 'string', value: 'K', help: 'so many complete steps stay (default: 2)' },
  where: {
    type: 'string',
    short: 'w',
    value: 'SELECTOR',
    help: 'only objects that SELECTOR selects, too',
  },
  last: { type: 'boolean', help: 'print the last complete step of the store in --from, and end' },
  from: { type: 'string', value: 'DIR', help: 'the store of --last' },
  as: {
    type: 'string',
    value: 'NAME',
    help: 'by this name a later one goes on: what comes meanwhile stays required',
  },
  durability: {
    type: 'string',
    value: 'WHAT',
    help: 'what an object survives before it counts as stored: fsync (default), memory',
  },
  promise: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'names that it promises until it ends: who requires them waits, whoever has left',
  },
  timeout: {
    type: 'string',
    value: 'TIME',
    help: 'how long one waits for room on the disk, or none for ever (default: 10m)',
  },
  complete: { type: 'boolean', help: 'end when all that was promised has come, and is stored' },
  count: { type: 'string', short: 'n', value: 'N', help: 'end after so many complete steps' },
  member: { type: 'string', value: 'NAME', help: 'who stores (default: checkpoint[*])' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

export const command = defineCommand({
  usage: ['--to DIR', '--last --from DIR'],
  about: `
    Stores the objects from which a program can go on, and offers them again to who requires them. They
    have the attributes checkpoint, the number of a step, and checkpoint.of, of how many objects the
    step is. A step is complete when so many, by their names, are in the store in DIR. The last K
    complete steps stay there. Who requires a name that nobody offers has it of the last complete step.

    SIGTERM and Ctrl-C end it behind what is being written. Prints a line for each step that becomes
    complete; with --json step, run, objects (name, version, bytes, pool), bytes. --last needs no pool,
    and prints the same of the last complete step as JSON; null and exit code 1 when there is none.`,
  options: OPTIONS,
  examples: [
    ['attacca checkpoint --to restart --keep 3', 'beside a simulation'],
    ['attacca checkpoint --last --from restart', 'from which step it can go on'],
  ],
  exits: [['1', 'failed, or objects could not be stored or read, or there is no complete step']],
  ownSignals: true,
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words: the store is "--to DIR"');
    if (!options.last) return await run(context, options);
    if (options.from === undefined) throw new UsageError('--last needs "--from DIR"');
    const last = await lastCheckpoint(options.from);
    print(last === null ? 'null' : jsonOf(last));
    return last === null ? EXIT.failed : EXIT.ok;
  },
});

async function run(context: Context, options: Options): Promise<number> {
  const { json, quiet } = options;
  const told = optionsOf(options);
  const { where } = options;
  if (where !== undefined) await checkedSelector(where);
  using stopping = new Stopping(() => 'attacca checkpoint: ends what is being written');
  const { session, seat } = await joinPool({ ...context, signal: stopping.stop }, options);
  await using _session = session;
  await using pool = session.asMember(seat);
  await sayMistypedKeys(session.view, where, options);
  let complete = 0;
  using _told = sayNothingPromised(session.view, 'checkpoint', options);
  const asked: CheckpointOptions = {
    ...{ ...told, signal: stopping.stop },
    onReady: () => {
      if (!quiet) say(`attacca checkpoint: stores to ${told.to}`);
    },
    onComplete: (step) => {
      complete++;
      print(json ? jsonOf(step) : textOf(step));
    },
    onLent: ({ name, version }) => {
      if (!quiet && !json) say(`attacca checkpoint: offers ${quoted(name)} version ${version}`);
    },
    onFailure: ({ name, error: { code, message }, again }) => {
      if (json) print(toJson({ name, failed: code, why: message, again }));
      else say(`attacca checkpoint: ${quoted(name)}: ${message}`);
    },
  };
  const { steps, objects, bytes, lent, failed, last } = await stopping.withPool(
    session.client.connection,
    () => checkpoint(pool, asked),
    () => {
      if (json) print(toJson({ steps: complete }));
      else if (!quiet) say(`attacca checkpoint: stored ${counted(complete, 'step')}`);
    },
  );
  if (json) print(toJson({ steps, objects, bytes, lent, failed, last: last?.step ?? null }));
  else if (!quiet) {
    const what = `${counted(steps, 'step')}, ${counted(objects, 'object')}, ${formatBytes(bytes)}`;
    say(`attacca checkpoint: stored ${what}${failed === 0 ? '' : `; ${failed} failed`}`);
  }
  await stopping.leave(pool, session.client.connection);
  return failed > 0 ? EXIT.failed : EXIT.ok;
}

function optionsOf(options: Options): CheckpointOptions {
  const { to, keep, where, as, complete, count, promise, timeout } = options;
  if (to === undefined) throw new UsageError('it needs "--to DIR", or "--last --from DIR"');
  return {
    ...{ to, select: where, name: as, promise, durability: durabilityOf(options.durability) },
    keep: keep === undefined ? undefined : parseCount(keep, '--keep'),
    until: complete ? 'complete' : undefined,
    timeoutMs: parseTimeout(timeout),
    count: count === undefined ? undefined : parseCount(count, '--count'),
  };
}

function textOf({ step, objects, bytes }: CompleteStep): string {
  return `step ${step}: ${counted(objects.length, 'object')}, ${formatBytes(bytes)}`;
}

function jsonOf({ step, run, objects, bytes }: CompleteStep): string {
  const all = objects.map(({ name, version, bytes: size, pool }) => ({
    ...{ name, version, bytes: size, pool },
  }));
  return toJson({ step, ...(run === '' ? {} : { run }), objects: all, bytes });
}
