import { UsageError } from './exit.js';

/** Of `get --follow`. */
export const FOLLOW_OPTIONS = {
  follow: {
    type: 'boolean',
    help: 'also what comes, until Ctrl-C: required as it is offered, so nobody withdraws it first',
  },
  complete: {
    type: 'boolean',
    help: 'with --follow: end when all that was promised has come',
  },
  count: {
    type: 'string',
    short: 'n',
    value: 'N',
    help: 'with --follow: end after so many objects',
  },
  share: {
    type: 'string',
    value: 'NAME',
    help: 'with --follow: commands of one NAME share the work; it goes on where the last one stopped',
  },
  ahead: {
    type: 'string',
    value: 'N',
    help: 'with --follow: so many are on their way before they are written (default: 4)',
  },
  queue: {
    type: 'string',
    value: 'NAME',
    help: 'with --follow: of the step queue of that name (attacca queue, docs/steps.md)',
  },
  latest: {
    type: 'boolean',
    help: 'with --queue: always the newest whole step; says which steps it has missed',
  },
  forget: { type: 'boolean', help: 'with --share: end what is shared for good, and get nothing' },
} as const;

export interface FollowOptions {
  readonly follow: boolean;
  readonly complete: boolean;
  readonly share: string | undefined;
  readonly count: string | undefined;
  readonly ahead: string | undefined;
  readonly queue: string | undefined;
  readonly latest: boolean;
  readonly forget: boolean;
}

/** Options of one another; whether what comes is followed. */
export function isFollowing(options: FollowOptions): boolean {
  const { follow, complete, share, ahead, count, queue, latest, forget } = options;
  if (forget && share === undefined) throw new UsageError('--forget needs --share NAME');
  if (latest && queue === undefined) throw new UsageError('--latest needs --queue NAME');
  const isAsked = complete || [share, ahead, count, queue].some((each) => each !== undefined);
  if (isAsked && !follow) {
    throw new UsageError('--complete, --count, --share, --queue and --ahead are for --follow');
  }
  return follow;
}
