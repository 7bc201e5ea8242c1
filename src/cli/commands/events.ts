import type { SubscribeOptions } from '../../client/events/options.js';
import { subscribe } from '../../client/events/subscription.js';
import { defineCommand } from '../command.js';
import { parseDuration } from '../duration.js';
import { eventLine } from '../event-line.js';
import { EXIT, UsageError } from '../exit.js';
import { eventJson } from '../json.js';
import { noteKinds } from '../kinds.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print } from '../output.js';
import { joinPool } from '../pool/open.js';

export const command = defineCommand({
  usage: ['[KIND...]'],
  about: `
    Prints what happens in the pool as it happens, one line an event: its number in the pool's
    history, the time, its kind, what it is about and who does it. KIND is a kind of the pool's own
    (declare, seal, offer, require, demand, withdraw, retract, dispose, delete, tag, promise, close,
    join, leave, crash, lost, ready) or a name that members emit under; without one it is all of
    them but ready. Goes on until it is interrupted, --count events have come, or, with --complete, all is there
    that was promised.

    With --json each line has seq, n (counted from 1 without a gap), kind, when, member, name,
    version, time, attributes, and where they apply dtype, shape, again, snapshot, missed (from, to).`,
  options: {
    where: {
      type: 'string',
      short: 'w',
      value: 'SELECTOR',
      help: 'only events of what is selected; .event, .member, .version, .bytes and others are keys, too',
    },
    from: {
      type: 'string',
      value: 'WHEN',
      help: 'now (default), start: the oldest event there is, snapshot: what is offered, or a number',
    },
    as: {
      type: 'string',
      value: 'NAME',
      help: 'a durable subscription: goes on where the last command of that name stopped',
    },
    forget: { type: 'boolean', help: 'with --as: end it for good with this command' },
    count: { type: 'string', short: 'n', value: 'N', help: 'end after so many events' },
    complete: { type: 'boolean', help: 'end when all that was promised has come' },
    for: { type: 'string', value: 'TIME', help: 'end after this time: 30s, 5m, 2h' },
    member: { type: 'string', value: 'NAME', help: 'who looks (default: events[*])' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca events offer -w \'param = "t"\'', 'each field as it comes'],
    ['attacca events --from start --for 0s', 'what has happened so far'],
    ['attacca events offer --as archive --json', 'nothing is missed between two runs'],
  ],
  async run(context, { options, words }) {
    const most = countOf(options.count);
    const endsMs = options.for === undefined ? undefined : parseDuration(options.for, '--for');
    const asked = askedBy(words, options);
    if (!options.quiet) noteKinds('events', words);
    const { signal } = context;
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    const events = await subscribe(seat, asked);
    const until = endsMs === undefined ? undefined : performance.now() + endsMs;
    try {
      for (let shown = 0; shown < most; shown++) {
        const timeoutMs = until === undefined ? undefined : Math.max(0, until - performance.now());
        const event = await events.wait({ signal, timeoutMs });
        if (event === null) break;
        print(options.json ? eventJson(event) : eventLine(event));
      }
    } finally {
      // What was printed is acknowledged, also when Ctrl-C has ended it.
      await events.close({ forget: options.forget });
    }
    return EXIT.ok;
  },
});

function askedBy(
  kinds: readonly string[],
  options: {
    readonly where: string | undefined;
    readonly from: string | undefined;
    readonly as: string | undefined;
    readonly forget: boolean;
    readonly complete: boolean;
  },
): SubscribeOptions {
  if (options.forget && options.as === undefined) throw new UsageError('--forget needs --as NAME');
  return {
    kinds: kinds.length === 0 ? undefined : kinds,
    select: options.where,
    name: options.as,
    from: fromOf(options.from, options.as),
    until: options.complete ? 'complete' : undefined,
  };
}

function fromOf(text: string | undefined, name: string | undefined): SubscribeOptions['from'] {
  if (text === undefined) return name === undefined ? 'now' : 'last';
  if (text === 'now' || text === 'start' || text === 'snapshot') return text;
  if (/^\d{1,15}$/u.test(text)) return Number(text);
  throw new UsageError(`--from is now, start, snapshot or the number of an event, not "${text}"`);
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,14}$/u.test(text)) return Number(text);
  throw new UsageError(`--count is a whole number from 1 on, not "${text}"`);
}
