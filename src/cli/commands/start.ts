import { resolve } from 'node:path';
import { startDetached } from '../../server/detached.js';
import { defineCommand } from '../command.js';
import { parseDuration } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { toJson } from '../json.js';
import { keptName } from '../kept.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, say, stdoutIsTerminal } from '../output.js';
import { selfCommand } from '../self.js';
import { SERVE_OPTIONS, serveOptions, serveWords } from '../serve-options.js';
import { shellQuote } from '../shell-quote.js';
import { keptLine } from '../sync-text.js';

export const command = defineCommand({
  usage: ['[--name NAME]'],
  about: `
    Starts a pool that goes on when this command has ended, and returns when it answers: no sleep, no
    file to watch. Prints the shell's line that makes it the pool of all commands to come.`,
  options: {
    name: {
      type: 'string',
      short: 'n',
      value: 'NAME',
      help: 'its name; --pool NAME and attacca stop NAME find it (default: that of the pool in DIR, else one of chance)',
    },
    timeout: {
      type: 'string',
      value: 'TIME',
      help: 'how long it may take to answer (default: 30s)',
    },
    ...SERVE_OPTIONS,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['eval "$(attacca start --name $SLURM_JOB_ID)"', 'in a job script'],
    ['attacca start --name weather; attacca ls --pool weather', 'by its name'],
  ],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words; a name is --name NAME');
    // Refused here, where the message reaches the user: not in the server's log.
    const { sync = true } = serveOptions(options);
    const { timeout, data } = options;
    const name =
      options.name ?? (data === undefined ? null : await keptName(data)) ?? nameOfChance();
    const started = await startDetached({
      name,
      command: selfCommand('serve', '--name', name, ...serveWords(options)),
      environment: context.environment,
      startMsMax: timeout === undefined ? undefined : parseDuration(timeout, '--timeout'),
    });
    const { address, addresses, pid, log, warnings } = started;
    if (!options.quiet) {
      for (const each of warnings) say(`attacca start: WARNING: ${each}`);
      const others = addresses.filter((each) => each !== address).join(' and ');
      if (others !== '') say(`attacca start: it listens at ${others} too, for who has its token`);
      if (data !== undefined) say(`attacca start: ${keptLine(name, resolve(data), sync)}`);
    }
    const keptIn = data === undefined ? null : resolve(data);
    const record = { ATTACCA_POOL: address, name, addresses, pid, log, keptIn, warnings };
    if (options.json) print(toJson(record));
    else print(`export ATTACCA_POOL=${shellQuote(address)}`);
    if (!options.quiet && !options.json && stdoutIsTerminal()) {
      say('(Your shell has not heard of it: eval "$(attacca start)" says it; or use --pool.)');
    }
    return EXIT.ok;
  },
});

/** One that no other pool has; a name for people is theirs to give. */
function nameOfChance(): string {
  const digits = Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex');
  return `pool-${digits}`;
}
