import type { SubscribeOptions } from '../../client/events/options.js';
import { forgetSubscription, subscribe } from '../../client/events/subscription.js';
import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import type { Value } from '../../core/value.js';
import { type Context, defineCommand } from '../command.js';
import { parseDuration } from '../duration.js';
import { eventLine } from '../event-line.js';
import { EXIT, UsageError } from '../exit.js';
import { mapOf, numberOf, printable, quoted } from '../format.js';
import { eventJson, toJson } from '../json.js';
import { noteKinds } from '../kinds.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION } from '../options.js';
import { print } from '../output.js';
import { joinPool, openPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { promisedText, sayNothingPromised } from '../wait-line.js';
import { checkedSelector, sayMistypedKeys, selecting } from '../where.js';

const OPTIONS = {
  where: {
    type: 'string',
    short: 'w',
    value: 'SELECTOR',
    help: 'only events of what is selected; .event, .member, .version, .bytes and others are keys, too',
  },
  from: {
    type: 'string',
    value: 'WHEN',
    help: 'now (default), start: the oldest event there is, snapshot: what is offered, a number; of --as last (its default)',
  },
  as: {
    type: 'string',
    value: 'NAME',
    help: 'a durable subscription: goes on where the last command of that name stopped',
  },
  forget: {
    type: 'boolean',
    help: 'with --as: end it for good with this command; without KIND and --where at once, whatever it asks for',
  },
  list: { type: 'boolean', help: 'the subscriptions that there are, and how far they are behind' },
  count: { type: 'string', short: 'n', value: 'N', help: 'end after so many events' },
  complete: { type: 'boolean', help: 'end when all that was promised has come' },
  for: {
    type: 'string',
    value: 'TIME',
    help: 'end after this time: 30s, 5m, 2h; 0s: when all that was there is told',
  },
  member: { type: 'string', value: 'NAME', help: 'who looks (default: events[*])' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

export const command = defineCommand({
  usage: ['[KIND...]', '--list', '--as NAME --forget'],
  about: `
    Prints what happens in the pool as it happens, one line an event: its number in the pool's
    history, the time, its kind, what it is about and who does it. KIND is a kind of the pool's own
    (declare, seal, offer, require, demand, withdraw, retract, dispose, delete, tag, promise, close,
    join, leave, crash, lost, moved, ready) or a name that members emit under; without one it is all of
    them but ready. Goes on until it is interrupted, --count events have come, or, with --complete, all is there
    that was promised.

    With --json each line has seq, n (counted from 1 without a gap), kind, when, member, name,
    version, time, attributes, and where they apply dtype, shape, again, snapshot, missed (from, to).

    The pool keeps declare, seal, require, demand, retract, dispose and ready only while somebody
    subscribes to them: --from start tells of these what came while another one did, such as a tracer.`,
  options: OPTIONS,
  examples: [
    ['attacca events offer -w \'param = "t"\'', 'each field as it comes'],
    ['attacca events --from start --for 0s', 'what has happened so far'],
    ['attacca events offer --as archive --json', 'nothing is missed between two runs'],
    ['attacca events --as archive --forget', 'end that for good'],
  ],
  async run(context, { options, words }) {
    if (options.list) return await list(context, words, options);
    if (isForgotten(words, options)) return await forget(context, options);
    const most = countOf(options.count);
    const forMs = options.for === undefined ? undefined : parseDuration(options.for, '--for');
    const endsMs = forMs === 0 ? undefined : forMs;
    const asked = askedBy(words, options, forMs === 0);
    const { where = '' } = options;
    if (where !== '') await checkedSelector(where);
    if (!options.quiet) noteKinds('events', words);
    const { signal } = context;
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    const events = await selecting(where, () => subscribe(seat, asked));
    await sayMistypedKeys(session.view, options.where, options);
    const line = async (): Promise<string> =>
      `waiting for events${options.complete ? await promisedText(session.view) : ''}`;
    const isQuiet = options.quiet || options.json;
    using _told = sayNothingPromised(session.view, 'events', options);
    using progress = new Progress(line, isQuiet, session.client.connection);
    const until = endsMs === undefined ? undefined : performance.now() + endsMs;
    try {
      for (let shown = 0; shown < most; shown++) {
        const timeoutMs = until === undefined ? undefined : Math.max(0, until - performance.now());
        const event = await events.wait({ signal, timeoutMs });
        if (event === null) break;
        progress.clear();
        print(options.json ? eventJson(event) : eventLine(event));
      }
    } finally {
      // What was printed is acknowledged, also when Ctrl-C has ended it.
      await events.close({ forget: options.forget });
    }
    return EXIT.ok;
  },
});

/** Whether a subscription is only to be ended, and nothing of it printed. */
function isForgotten(words: readonly string[], options: Options): boolean {
  const { forget: isAsked, as, where, from, count } = options;
  const says = [where, from, count].some((each) => each !== undefined);
  return isAsked && as !== undefined && words.length === 0 && !says && !options.complete;
}

async function forget(context: Context, options: Options): Promise<number> {
  const { session, seat } = await joinPool(context, options);
  await using _session = session;
  await forgetSubscription(seat, options.as ?? '');
  return EXIT.ok;
}

/** Subscriptions, those that are furthest behind first. */
async function list(context: Context, words: readonly string[], options: Options): Promise<number> {
  const { where, from, as, count, for: forTime, member, complete, forget: ends } = options;
  const given = { where, from, as, count, for: forTime, member };
  const [extra] = Object.entries(given).flatMap(([name, said]) => (said === undefined ? [] : name));
  const flag = extra ?? (complete ? 'complete' : ends ? 'forget' : null);
  if (flag !== null)
    throw new UsageError(`--list is of all subscriptions: --${flag} does not go with it`);
  if (words.length > 0) throw new UsageError('--list is of all subscriptions, and takes no KIND');
  await using session = await openPool(context, options);
  const { subscriptions } = await session.view.info();
  for (const one of Array.isArray(subscriptions) ? subscriptions : []) {
    if (options.json) {
      print(toJson(one));
      continue;
    }
    const { name, members, kinds, selector, behind, unacknowledged } = mapOf(one);
    const who = Array.isArray(members) && members.length > 0 ? `of ${members.join(' ')}` : 'idle';
    const told = Array.isArray(kinds) ? kinds : [];
    const what = told.length > 3 ? `${told.length} kinds` : told.join(' ');
    const of = selector === '' ? '' : `  ${String(selector)}`;
    const called = name === '' ? 'until its member ends' : quoted(String(name));
    const open = numberOf(unacknowledged);
    const again = open === 0 ? '' : `${open} not acknowledged, `;
    const said = printable(`${what}${of}  ${who}`);
    print(`${called}  ${said}  ${again}${keptText(one) ?? `${numberOf(behind)} behind`}`);
  }
  return EXIT.ok;
}

/** What a standing require keeps for its members; null: it is none. */
function keptText(row: Value): string | null {
  const { requires, pinned, pinnedBytes } = mapOf(row);
  if (requires !== true) return null;
  return `keeps ${counted(numberOf(pinned), 'object')}, ${formatBytes(numberOf(pinnedBytes))}`;
}

function askedBy(
  kinds: readonly string[],
  options: Options,
  isUntilNow: boolean,
): SubscribeOptions {
  if (options.forget && options.as === undefined) throw new UsageError('--forget needs --as NAME');
  return {
    kinds: kinds.length === 0 ? undefined : kinds,
    select: options.where,
    name: options.as,
    from: fromOf(options.from, options.as),
    // What is there may be more than comes at once: it is all told, however long that takes.
    until: isUntilNow ? 'now' : options.complete ? 'complete' : undefined,
  };
}

function fromOf(text: string | undefined, name: string | undefined): SubscribeOptions['from'] {
  if (text === undefined) return name === undefined ? 'now' : 'last';
  if (text === 'now' || text === 'start' || text === 'snapshot') return text;
  if (text === 'last' && name !== undefined) return text;
  if (/^\d{1,15}$/u.test(text)) return Number(text);
  const known = name === undefined ? 'now, start, snapshot' : 'last, now, start, snapshot';
  throw new UsageError(`--from is ${known} or the number of an event, not "${text}"`);
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,14}$/u.test(text)) return Number(text);
  throw new UsageError(`--count is a whole number from 1 on, not "${text}"`);
}
