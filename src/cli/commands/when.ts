import { createHash } from 'node:crypto';
import {
  CannotStart,
  type FailedAttempt,
  type RunEnd,
  runProgram,
  type WhenOptions,
  type WhenSummary,
  when,
} from '../../apps/index.js';
import { mistypedPlaceholder } from '../../apps/program.js';
import type { PoolEvent } from '../../client/events/event.js';
import type { Pool } from '../../client/pool.js';
import { counted } from '../../core/counted.js';
import { type Context, defineCommand } from '../command.js';
import { formatDuration, parseDuration } from '../duration.js';
import { EXIT, ExitWith, UsageError } from '../exit.js';
import { listOf, mapOf, quoted, textOf } from '../format.js';
import { toJson } from '../json.js';
import { noteKinds } from '../kinds.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, parseCount } from '../options.js';
import { print, say } from '../output.js';
import { joinPool, type PoolSession, poolAddress } from '../pool/open.js';
import { Progress } from '../progress.js';
import { Stopping } from '../stopping.js';
import { promisedText, sayNothingPromised } from '../wait-line.js';
import { checkedSelector, sayMistypedKeys, selecting } from '../where.js';

const OPTIONS = {
  jobs: {
    type: 'string',
    short: 'j',
    value: 'N',
    help: 'run so many at the same time (default: 1)',
  },
  retries: { type: 'string', value: 'N', help: 'try one that fails again, so often (default: 0)' },
  backoff: {
    type: 'string',
    value: 'TIME',
    help: 'before it is tried again; each time twice as long, at most a minute (default: 1s)',
  },
  'run-timeout': {
    type: 'string',
    value: 'TIME',
    help: 'end a run that takes longer: it has failed',
  },
  on: { type: 'string', value: 'KIND', help: 'run for events of this kind (default: offer)' },
  from: {
    type: 'string',
    value: 'WHEN',
    help: 'where a new trigger begins: snapshot (default): what is offered, and what comes; now; start',
  },
  as: {
    type: 'string',
    value: 'NAME',
    help: 'its name, by which a later one goes on, and others share (default: made of all it says)',
  },
  forget: { type: 'boolean', help: 'what is done and what is not is forgotten at its end' },
  complete: { type: 'boolean', help: 'end when all that was promised has come, and was run for' },
  count: { type: 'string', short: 'n', value: 'N', help: 'end after so many events' },
  member: { type: 'string', value: 'NAME', help: 'who runs (default: when[*])' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

export const command = defineCommand({
  usage: ['SELECTOR -- COMMAND [ARGUMENTS]'],
  about: `
    Runs COMMAND for each offer of an object that SELECTOR selects, those that are there first. It
    reads the event as JSON on standard input; in its words {name}, {version}, {member}, {kind}, {seq},
    {time}, {run} and {attributes.KEY} are replaced. SELECTOR true selects everything.

    Each event is run for at least once, and never again once it is recorded as done: with exit code 0,
    or given up after --retries. What a crash has cut off (of this program, its host or the pool) is run
    again with the same ATTACCA_RUN_ID by the next trigger of this name, so that COMMAND can tell a
    repeat; ATTACCA_ATTEMPT counts from 1. The pool is told of each: events when.done and when.failed.

    SIGTERM and Ctrl-C begin no more runs and let those end that are under way; a second one ends
    these, too, and they are run again the next time. With --json a line for each run: run, name,
    version, state (started, again, done, failed, cut), attempts, why, seconds; what COMMAND prints goes to
    standard error then.`,
  options: OPTIONS,
  examples: [
    ['attacca when \'param = "t"\' -j 4 -- ./plot.sh {name}', 'a plot of each field'],
    ['attacca when true --retries 3 --as backup -- ./copy.sh {name}', 'goes on where it stopped'],
    ['attacca when true --on steer -- ./steer.sh {attributes.dt}', 'when somebody emits "steer"'],
  ],
  exits: [
    ['1', 'failed, or runs were given up; the message says why'],
    ['126', 'COMMAND may not be executed'],
    ['127', 'there is no such COMMAND'],
  ],
  parsing: { commandBehindDashes: true },
  ownSignals: true,
  async run(context, { options, words, rest }) {
    const [selector, extra] = words;
    if (selector === undefined || extra !== undefined)
      throw new UsageError('it takes one SELECTOR (true: of everything)');
    if (rest === null || rest.length === 0) throw new UsageError('it needs "-- COMMAND"');
    const mistyped = mistypedPlaceholder(rest);
    if (mistyped !== null) {
      throw new UsageError(`there is no ${mistyped.found}; did you mean ${mistyped.meant}?`);
    }
    const { json, quiet } = options;
    const told = optionsOf(options, selector, rest);
    await checkedSelector(selector);
    if (options.on !== undefined && !quiet) noteKinds('when', [options.on]);
    const stdout = json ? 'stderr' : 'inherit';
    const run = runProgram(rest, { environment: poolFor(context, options), stdout });
    const running = { count: 0, done: 0 };
    using stopping = new Stopping(
      () =>
        running.count === 0
          ? ''
          : `attacca when: waits for ${counted(running.count, 'run')} to end`,
      { cuts: true },
    );
    const joining = { ...context, signal: stopping.stop };
    const { session, seat } = await joinPool(joining, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    await sayMistypedKeys(session.view, selector, options);
    using _told = sayNothingPromised(session.view, 'when', options);
    const asked = { ...told, run, signal: stopping.stop, cut: stopping.cut };
    const summary = await stopping
      .withPool(
        session.client.connection,
        () => selecting(selector, () => trigger(session, pool, asked, { options, running })),
        () => {
          if (json) print(toJson({ done: running.done }));
          else if (!quiet) say(`attacca when: ${counted(running.done, 'run')} done`);
        },
        stopping.cut,
      )
      .catch((error: unknown) => {
        if (!(error instanceof CannotStart)) throw error;
        say(`attacca when: ${error.message}`);
        throw new ExitWith(error.exitCode);
      });
    const { done, failed, cut, missed } = summary;
    if (missed > 0)
      say(`attacca when: missed ${counted(missed, 'event')} that the pool kept no more`);
    if (json) print(toJson({ done, failed, cut, missed }));
    else if (!quiet && done + failed + cut > 1) {
      const others = `${failed === 0 ? '' : `, ${failed} failed`}${cut === 0 ? '' : `, ${cut} cut off`}`;
      say(`attacca when: ${counted(done, 'run')} done${others}`);
    }
    await stopping.leave(pool, session.client.connection);
    return failed > 0 || missed > 0 ? EXIT.failed : EXIT.ok;
  },
});

/** Whether a trigger of that name has been here, or is. */
async function hasSubscription(view: PoolSession['view'], name: string): Promise<boolean> {
  const { subscriptions } = await view.info();
  return listOf(subscriptions).some((each) => textOf(mapOf(each)['name']) === name);
}

/** Runs it, and tells of each run. */
async function trigger(
  { view, client }: PoolSession,
  pool: Pool,
  asked: WhenOptions,
  {
    options,
    running,
  }: { readonly options: Options; readonly running: { count: number; done: number } },
): Promise<WhenSummary> {
  const { json, quiet, complete } = options;
  let ended = 0;
  const idle = async (): Promise<string> =>
    `${counted(ended, 'run')} ended${complete ? await promisedText(view) : ''}`;
  // What runs may write to the same terminal.
  const line = (): Promise<string> | null => (running.count > 0 ? null : idle());
  using progress = new Progress(line, quiet || json, client.connection);
  const isThere = !quiet && !json && (await hasSubscription(view, asked.name));
  return await when(pool, {
    ...asked,
    onReady: () => {
      if (quiet || json) return;
      const goesOn = isThere ? 'it goes on where it stopped: what is done is not run again' : '';
      // It outlives the command: who is to end it needs its name.
      const called = options.as === undefined ? `its name is ${asked.name}` : '';
      const told = [called, goesOn].filter((text) => text !== '').join('; ');
      if (told !== '') say(`attacca when: ${told}`);
    },
    onStart: ({ name, version }, id) => {
      running.count++;
      progress.clear();
      if (json) print(toJson({ run: id, name, version, state: 'started' }));
    },
    onAttempted: () => running.count--,
    onRetry: (event, failed) => tellRetry(event, failed, options),
    onEnd: (end) => {
      ended++;
      if (end.outcome === 'done') running.done++;
      progress.clear();
      tell(end, options);
    },
  });
}

/** Programs find the pool of --pool in ATTACCA_POOL, as an address, which libraries know. */
function poolFor({ environment }: Context, { pool }: Options): NodeJS.ProcessEnv {
  if (pool === undefined) return environment;
  return { ...environment, ATTACCA_POOL: poolAddress(pool, environment) };
}

function optionsOf(
  options: Options,
  selector: string,
  command: readonly string[],
): Omit<WhenOptions, 'run'> {
  const { jobs = '1', retries = '0', backoff, count, from, as, on = 'offer' } = options;
  if (from !== undefined && from !== 'now' && from !== 'start' && from !== 'snapshot') {
    throw new UsageError(`--from is snapshot, now or start, not "${from}"`);
  }
  if (!/^\d{1,6}$/u.test(retries)) {
    throw new UsageError(`--retries is a whole number from 0 to 999999, not "${retries}"`);
  }
  const limit = options['run-timeout'];
  return {
    name: as ?? nameOf(on, selector, command),
    kinds: on,
    select: selector === 'true' ? undefined : selector,
    // What members emit has no snapshot.
    from: from ?? (on === 'offer' ? 'snapshot' : 'now'),
    until: options.complete ? 'complete' : undefined,
    jobs: parseCount(jobs, '--jobs'),
    retries: Number(retries),
    backoffMs: backoff === undefined ? undefined : parseDuration(backoff, '--backoff'),
    timeoutMs: limit === undefined ? undefined : parseDuration(limit, '--run-timeout'),
    count: count === undefined ? undefined : parseCount(count, '--count'),
    forget: options.forget,
  };
}

/** The same trigger has the same name, wherever it runs. */
function nameOf(kind: string, selector: string, command: readonly string[]): string {
  const said = JSON.stringify([kind, selector, command]);
  return `when/${createHash('sha256').update(said).digest('hex').slice(0, 12)}`;
}

function whyText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function tellRetry(
  { name, version }: PoolEvent,
  { id, attempt, error, againMs }: FailedAttempt,
  { json, quiet }: Options,
): void {
  const why = whyText(error);
  const seconds = againMs / 1_000;
  if (json) print(toJson({ run: id, name, version, state: 'again', attempt, why, seconds }));
  else if (!quiet) {
    const again = `again in ${formatDuration(againMs)}`;
    say(`attacca when: ${quoted(name)} version ${version}: attempt ${attempt}: ${why}; ${again}`);
  }
}

function tell({ event, id, attempts, outcome, error, seconds }: RunEnd, options: Options): void {
  const { name, version } = event;
  const why = error === null ? null : whyText(error);
  if (options.json) {
    const reason = why === null ? {} : { why };
    print(toJson({ run: id, name, version, state: outcome, attempts, ...reason, seconds }));
    return;
  }
  if (options.quiet && outcome !== 'failed') return;
  const after = attempts > 1 ? ` after ${attempts} attempts` : '';
  const how = {
    done: `done in ${formatDuration(seconds * 1_000)}`,
    failed: `failed${after}: ${why}`,
    cut: 'cut off; the next trigger of this name runs it again',
  }[outcome];
  say(`attacca when: ${quoted(name)} version ${version}: ${how}`);
}
