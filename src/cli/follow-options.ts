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
  group: {
    type: 'string',
    value: 'NAME',
    help: 'with --follow: commands of one NAME share the work; it goes on where the last one stopped',
  },
  ahead: {
    type: 'string',
    value: 'N',
    help: 'with --follow: so many are on their way before they are written (default: 4)',
  },
  forget: { type: 'boolean', help: 'with --group: end the group for good, and get nothing' },
} as const;

export interface FollowOptions {
  readonly follow: boolean;
  readonly complete: boolean;
  readonly group: string | undefined;
  readonly count: string | undefined;
  readonly ahead: string | undefined;
  readonly forget: boolean;
}

/** Options of one another; whether what comes is followed. */
export function isFollowing(options: FollowOptions): boolean {
  const { follow, complete, group, ahead, count, forget } = options;
  if (forget && group === undefined) throw new UsageError('--forget needs --group NAME');
  const isAsked = complete || [group, ahead, count].some((each) => each !== undefined);
  if (isAsked && !follow) {
    throw new UsageError('--complete, --count, --group and --ahead are for --follow');
  }
  return follow;
}
