import { didYouMean } from '../core/suggest.js';
import { type CatalogEntry, commandNames, findCommand } from './catalog.js';
import type { Command, Context } from './command.js';
import { EXIT, ExitWith, exitCodeOf, UsageError } from './exit.js';
import { styleFor } from './format.js';
import { commandHelp, overview } from './help.js';
import { checkArguments } from './input.js';
import { Interrupts } from './interrupts.js';
import { COMMON_OPTIONS, parseCommandLine } from './options.js';
import { print, stdoutIsTerminal } from './output.js';
import { errorsOf, reportError } from './report.js';

/** The command, and its arguments: options may stand before it too. */
function splitCommand(args: readonly string[]): { name: string; rest: readonly string[] } {
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (!arg.startsWith('-')) {
      return { name: arg, rest: [...args.slice(0, index), ...args.slice(index + 1)] };
    }
    if (arg === '--pool') index++;
  }
  return { name: '', rest: args };
}

/** Errors of the command line itself are told as JSON too. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

async function main(args: readonly string[]): Promise<number> {
  const { name, rest } = splitCommand(args);
  const entry = findCommand(name === '' ? nameOfOptions(rest) : name);
  try {
    checkArguments(args);
    if (entry !== null) return await runCommand(entry, (await entry.load()).command, rest);
    if (name !== '') {
      throw new UsageError(`there is no command "${name}".${didYouMean(name, commandNames())}`);
    }
    const { options } = parseCommandLine(rest, { ...COMMON_OPTIONS, ...VERSION_OPTION });
    if (rest.length > 0 && !options.help) throw new UsageError('it needs a COMMAND');
    print(overview(styleFor(stdoutIsTerminal(), process.env)));
    return EXIT.ok;
  } catch (error) {
    const errors = errorsOf(error);
    for (const each of errors) {
      if (!(each instanceof ExitWith)) reportError(entry?.name ?? '', each, wantsJson(args));
    }
    return exitCodeOf(errors[0]);
  }
}

/** It stands for a command, and is known here so that a mistyped one is told. */
const VERSION_OPTION = {
  version: { type: 'boolean', short: 'V', help: 'the same as the command version' },
} as const;

/** The command that an option alone stands for. */
function nameOfOptions(args: readonly string[]): string {
  return args.some((arg) => arg === '--version' || arg === '-V') ? 'version' : '';
}

async function runCommand(
  entry: CatalogEntry,
  command: Command,
  args: readonly string[],
): Promise<number> {
  const { name } = entry;
  const given =
    name === 'version' ? args.filter((arg) => arg !== '--version' && arg !== '-V') : args;
  const options = { ...command.options, ...COMMON_OPTIONS };
  const line = parseCommandLine(given, options, command.parsing);
  if (line.options.help) {
    print(commandHelp(entry, command, styleFor(stdoutIsTerminal(), process.env)));
    return EXIT.ok;
  }
  const environment = process.env;
  if (command.ownSignals === true) {
    const { signal } = new AbortController();
    return await command.run({ command: name, environment, signal }, line);
  }
  let interrupts: Interrupts | null = null;
  const context: Context = {
    command: name,
    environment,
    // Made when there is something to clean up: until then a signal may end us as it stands.
    get signal() {
      interrupts ??= new Interrupts();
      return interrupts.signal;
    },
  };
  try {
    return await command.run(context, line);
  } catch (error) {
    dieIfInterrupted(interrupts);
    throw error;
  }
}

function dieIfInterrupted(interrupts: Interrupts | null): void {
  if (interrupts !== null && interrupts.received !== null) interrupts.die();
}

/**
 * Ends at once: what is left open (a session that has been told its end) is the system's to close.
 */
main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    reportError('', error, false);
    process.exit(EXIT.failed);
  },
);
