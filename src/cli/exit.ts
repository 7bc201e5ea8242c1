import { AttaccaError, type ErrorCode } from '../core/errors.js';

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** What was waited for did not come: its deadline has passed, or nobody will offer it. */
  waitedInVain: 3,
  unreachable: 4,
  /** The reader of our output has gone, as a shell counts SIGPIPE. */
  outputClosed: 141,
} as const;

export const EXIT_MEANINGS: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'done'],
  ['1', 'failed; the message says why'],
  ['2', 'the command line is wrong'],
  ['3', 'waited in vain: the deadline has passed, or nobody will offer it'],
  ['4', 'the pool cannot be reached, or refuses us'],
  ['130', 'ended by Ctrl-C (143: by SIGTERM)'],
];

/** The command line is wrong: one line says how, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'usage';
}

/** Ends the command with a code, after it has said all there is to say. */
export class ExitWith extends Error {
  override readonly name = 'ExitWith';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

const BY_CODE: { readonly [code in ErrorCode]?: number } = {
  'deadline-passed': EXIT.waitedInVain,
  'nobody-will-offer': EXIT.waitedInVain,
  'pool-unreachable': EXIT.unreachable,
  'connection-lost': EXIT.unreachable,
  'wrong-token': EXIT.unreachable,
  'wrong-pool': EXIT.unreachable,
  'version-mismatch': EXIT.unreachable,
  'pool-stopping': EXIT.unreachable,
  'session-unknown': EXIT.unreachable,
  'bad-selector': EXIT.usage,
};

/** The exit code for what a command has thrown. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitWith) return error.exitCode;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof AttaccaError) return BY_CODE[error.code] ?? EXIT.failed;
  return EXIT.failed;
}
