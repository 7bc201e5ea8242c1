import type { CommandLine, OptionSpecs, ParseOptions } from './options.js';

/** What a command runs in. */
export interface Context {
  readonly command: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Fires with Ctrl-C and SIGTERM: what waits must end, and clean up. */
  readonly signal: AbortSignal;
}

/** A command: what it is called with, what its help says, what it does. */
interface CommandSpec<O extends OptionSpecs> {
  /** Behind `attacca NAME`; several lines when there are several forms. */
  readonly usage: readonly string[];
  readonly about: string;
  readonly options: O;
  readonly examples: readonly (readonly [command: string, comment: string])[];
  /** Exit codes that are its own, or mean something else here. */
  readonly exits?: readonly (readonly [code: string, meaning: string])[];
  readonly parsing?: ParseOptions;
  /** It passes signals on by itself: Ctrl-C is the business of the program that it runs. */
  readonly ownSignals?: boolean;
  /** Returns the exit code. Throws what {@link CommandLine} does not say right, or what failed. */
  run(context: Context, line: CommandLine<O>): Promise<number>;
}

/** A command whose options are forgotten, for the table of all commands. */
export interface Command extends Omit<CommandSpec<OptionSpecs>, 'run'> {
  run(context: Context, line: CommandLine<OptionSpecs>): Promise<number>;
}

export function defineCommand<const O extends OptionSpecs>(spec: CommandSpec<O>): Command {
  const { run } = spec;
  return { ...spec, run: (context, line) => run(context, line as CommandLine<O>) };
}
