import { meet } from '../../client/rendezvous.js';
import { LIMITS } from '../../core/limits.js';
import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { joinPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { waitLine } from '../wait-line.js';

export const command = defineCommand({
  usage: ['NAME -n COUNT'],
  about: `
    Returns when COUNT programs have called it with that name: shells, or programs by pool.barrier.
    Then the name serves again. One that is ended meanwhile has not come; when the time is over, the
    error says who has, and how many have not.`,
  options: {
    count: { type: 'string', short: 'n', value: 'COUNT', help: 'how many meet' },
    member: { type: 'string', value: 'NAME', help: 'who comes (default: barrier[*])' },
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca barrier start -n 4 && ./model', 'begin when all four are there'],
    ['attacca barrier start -n 4 --timeout 5m', 'wait five minutes at most'],
  ],
  async run(context, { options, words }) {
    const [name, ...more] = words;
    if (name === undefined || more.length > 0) throw new UsageError('it takes one NAME');
    const members = parseCount(options.count);
    const timeoutMs = parseTimeout(options.timeout);
    const { signal } = context;
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    const waiting = new Set([name]);
    using _progress = new Progress(
      (elapsedMs) => waitLine(session.view, waiting, elapsedMs, 1),
      options.quiet,
      session.client.connection,
    );
    await meet(seat, name, { members, timeoutMs, signal });
    return EXIT.ok;
  },
});

function parseCount(text: string | undefined): number {
  if (text === undefined) throw new UsageError('say how many meet: -n COUNT');
  const count = Number(text);
  if (/^\d+$/u.test(text) && count >= 1 && count <= LIMITS.membersMax) return count;
  throw new UsageError(`-n is a number from 1 to ${LIMITS.membersMax}, not "${text}"`);
}
