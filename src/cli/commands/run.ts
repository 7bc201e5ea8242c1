import { statSync } from 'node:fs';
import { type PoolServer, serve } from '../../server/index.js';
import { type Context, defineCommand } from '../command.js';
import { Forwarding } from '../exec/forwarding.js';
import { exitCodeOfEnd, RunningProgram } from '../exec/program.js';
import { UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { dieBy } from '../interrupts.js';
import { type JobsEnd, parseLimit, readJobs, runJobs } from '../jobs/command.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { say } from '../output.js';
import { SERVE_OPTIONS, serveOptions } from '../serve-options.js';
import { shellQuote } from '../shell-quote.js';

/** Permission to execute, of anybody. */
const ANY_EXECUTE = 0o111;

const OPTIONS = {
  jobs: {
    type: 'string',
    short: 'j',
    value: 'N',
    help: 'run the lines of JOBS, N at a time; 0: one a processor',
  },
  replace: {
    type: 'boolean',
    help: 'with -j: withdraw what the pool keeps under an output name, when that is let in',
  },
  name: { type: 'string', short: 'n', value: 'NAME', help: "the pool's name" },
  ...SERVE_OPTIONS,
  ...POOL_OPTION,
  ...TIMEOUT_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

export const command = defineCommand({
  usage: ['[--] COMMAND [ARGUMENTS]', '-j N JOBS'],
  about: `
    Runs COMMAND with a pool of its own, which ends with it: ATTACCA_POOL tells the pool to all that
    COMMAND starts, so any script becomes a workflow. The exit code is that of COMMAND.

    With -j N: runs a list of jobs (a file, or - for standard input) in one process, N at a time, on
    the pool of --pool or $ATTACCA_POOL, else on one of its own. Each line is a command for the shell,
    or --in NAME=FILE --out FILE=NAME -- COMMAND as for attacca exec. A job starts when its inputs are
    there, whatever the order of lines; when one fails, those that need what it was to make are
    skipped. A job is not run when all that it makes is there already, so that a list which was killed
    goes on when it is run again on the same pool; --replace runs it anew. --timeout is for inputs that no job makes. Lines that begin with # are left out. Results
    stay in the pool: fetch them with attacca get, or end the list with --in NAME -- cp {NAME} FILE.

    With -j and --json, a record for each job as it ends (line, job, state: done, there, failed or
    skipped, why, exitCode, seconds), and a last one that sums up (jobs, done, there, failed, skipped,
    seconds). What the
    jobs print goes to standard error then.`,
  options: OPTIONS,
  examples: [
    ['attacca run -- ./workflow.sh', 'a pool for a script'],
    ['attacca run -j 4 jobs.txt', 'a list of jobs'],
    [
      "printf '%s\\n' '--out a -- date > {a}' '--in a --out b -- wc -c < {a} > {b}' | attacca run -j 2 -",
      'one job feeds the other',
    ],
  ],
  parsing: { stopAtWord: true, unlessGiven: 'jobs' },
  ownSignals: true,
  async run(context, { options, words, rest }) {
    if (options.jobs !== undefined) return await runList(context, options, words);
    const [first, ...args] = rest ?? [];
    if (first === undefined) throw new UsageError('it needs a COMMAND, or -j N JOBS');
    if (options.pool !== undefined) {
      throw new UsageError('--pool is for -j: a COMMAND gets a pool of its own');
    }
    using forwarding = new Forwarding(false);
    const server = await serveHere(options);
    try {
      const environment = { ...context.environment, ATTACCA_POOL: server.address };
      const program = new RunningProgram(
        { kind: 'words', words: [first, ...args] },
        {
          environment,
          stdin: 'inherit',
          stdout: 'inherit',
          command: context.command,
          hint: listHint,
          ownGroup: forwarding.ownGroups,
        },
      );
      const end = await forwarding.watch(program, program.ended);
      tellWhatIsLeft(server, options);
      await server.close();
      const { received } = forwarding;
      if (received !== null && end.signal === received) dieBy(received);
      return exitCodeOfEnd(end);
    } finally {
      await server.close();
    }
  },
});

async function runList(
  context: Context,
  options: Options,
  words: readonly string[],
): Promise<number> {
  const [path, extra] = words;
  if (path === undefined) throw new UsageError('-j needs a file of JOBS, or - for standard input');
  if (extra !== undefined) {
    throw new UsageError(
      `-j takes one file of JOBS, or - for standard input; ${quoted(extra)} is a word too many`,
    );
  }
  const limit = parseLimit(options.jobs ?? '');
  const jobs = await readJobs(path);
  const known = options.pool ?? context.environment['ATTACCA_POOL'] ?? '';
  const server = known === '' ? await serveHere(options) : null;
  let end: JobsEnd;
  try {
    const pool = server === null ? options.pool : server.address;
    const how = { limit, isOwnPool: server !== null };
    end = await runJobs(context, jobs, how, { ...options, pool });
  } finally {
    await server?.close();
  }
  if (end.received !== null) dieBy(end.received);
  return end.exitCode;
}

/** For who has forgotten -j: a file here that is no program may be a list of jobs. */
function listHint(file: string): string | null {
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return null;
    if ((stats.mode & ANY_EXECUTE) !== 0) return `the file here is ./${shellQuote(file)}`;
    return `if it is a list of jobs, say -j N ${shellQuote(file)}`;
  } catch {
    return null;
  }
}

/** A pool within this process; what it says of itself is of interest only when it is a warning. */
async function serveHere(options: Options): Promise<PoolServer> {
  const log = (line: string): void => {
    if (line.startsWith('WARNING') && !options.quiet) say(`attacca run: ${line}`);
  };
  return await serve({ ...serveOptions(options), name: options.name, log });
}

function tellWhatIsLeft(server: PoolServer, options: Options): void {
  if (server.sessionCount === 0 || options.quiet) return;
  const count = server.sessionCount;
  const who = count === 1 ? 'one program is' : `${count} programs are`;
  say(`attacca run: the pool ends with COMMAND, and ${who} still connected`);
}
