import { defineCommand } from '../command.js';
import { parseLifetime, parseTimeout } from '../duration.js';
import { Forwarding } from '../exec/forwarding.js';
import { endSentence, exitCodeOfEnd } from '../exec/program.js';
import { execSpec, FILE_OPTIONS, infoOf, type Program } from '../exec/spec.js';
import { ExecTask } from '../exec/task.js';
import { EXIT, ExitWith, UsageError } from '../exit.js';
import { dieBy } from '../interrupts.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Store } from '../pool/store.js';
import { Progress } from '../progress.js';
import { waitLine } from '../wait-line.js';

export const command = defineCommand({
  usage: ['[--in NAME=FILE]... [--out FILE=NAME]... -- COMMAND [ARGUMENTS]'],
  about: `
    Waits for the objects that COMMAND reads, lets them appear as files, runs it, and offers the files
    that it makes when it ends with exit code 0; otherwise nothing is offered. Data flow from left to
    right: --in NAME=FILE lets the object NAME appear as FILE, --out FILE=NAME makes FILE the object
    NAME. FILE is relative to the working directory, as COMMAND expects it.

    A NAME without FILE stands as {NAME} in COMMAND and ARGUMENTS: it becomes the path of a file beside
    the pool's memory. Files made there become objects without a copy, and such objects appear as
    files without one; so does a FILE in the same file system (/dev/shm): it is moved into the pool.
    A FILE elsewhere is copied and stays. Inputs are read-only, and go when COMMAND ends.

    What is to be made is promised: who waits for it hears at once when COMMAND fails.

    With --json a record for each output (name, offered, why not); what COMMAND prints goes to standard
    error then.`,
  options: {
    ...FILE_OPTIONS,
    lifetime: {
      type: 'string',
      value: 'TIME',
      help: 'withdraw outputs after so long; without it the pool keeps them until withdraw',
    },
    replace: {
      type: 'boolean',
      help: 'withdraw what the pool keeps under an output name, when that is let in',
    },
    member: { type: 'string', value: 'NAME', help: 'who runs (default: exec[*])' },
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    [
      'attacca exec --in t/850=t.dat --out wind.dat=wind/850 -- ./wind t.dat wind.dat',
      'files of its own',
    ],
    ['attacca exec --in raw --out sorted -- sort {raw} -o {sorted}', 'files without copies'],
    ['attacca exec --npy --in t --out mean -- python3 mean.py {t} {mean}', 'with numpy'],
  ],
  exits: [['other', 'that of COMMAND; 126 when it may not be executed, 127 when there is none']],
  parsing: { commandBehindDashes: true },
  ownSignals: true,
  async run(context, { options, words, rest }) {
    if (words.length > 0) {
      throw new UsageError(`"${words[0]}" is no option; the command stands behind --`);
    }
    const [first, ...more] = rest ?? [];
    if (first === undefined) throw new UsageError('it needs -- COMMAND');
    const program: Program = { kind: 'words', words: [first, ...more] };
    const spec = execSpec(options, program);
    const timeoutMs = parseTimeout(options.timeout);
    const lifetimeMs = parseLifetime(options.lifetime);
    using forwarding = new Forwarding(false);
    const { signal } = forwarding;
    try {
      const { session, seat } = await joinPool({ ...context, signal }, options, infoOf(program));
      await using _session = session;
      await using store = new Store(seat);
      const task = new ExecTask(spec, {
        seat,
        view: session.view,
        store,
        forwarding,
        environment: { ...context.environment, ATTACCA_POOL: session.address },
        stdin: 'inherit',
        stdout: options.json ? 'stderr' : 'inherit',
        command: context.command,
        options: { signal, timeoutMs, lifetimeMs, replace: options.replace },
      });
      try {
        {
          const names = new Set(spec.inputs.map(({ name }) => name));
          using _progress = new Progress(
            (elapsedMs) => waitLine(session.view, names, elapsedMs, names.size),
            options.quiet,
            session.client.connection,
          );
          await Promise.all([task.promise(), task.acquire({ timeoutMs: () => timeoutMs, signal })]);
        }
        const end = await task.run();
        const exitCode = exitCodeOfEnd(end);
        const why = exitCode === EXIT.ok ? '' : `${first} ${endSentence(end)}${task.poolGone}`;
        if (options.json) {
          for (const { name } of spec.outputs) print(toJson({ name, offered: why === '', why }));
        } else if (why !== '' && spec.outputs.length > 0 && !options.quiet) {
          say(`attacca exec: nothing is offered: ${why}`);
        }
        if (exitCode !== EXIT.ok) throw new ExitWith(exitCode);
        return EXIT.ok;
      } finally {
        await task.close();
      }
    } catch (error) {
      const { received } = forwarding;
      if (received === null || (error instanceof ExitWith && error.exitCode < 128)) throw error;
      return dieBy(received);
    }
  },
});
