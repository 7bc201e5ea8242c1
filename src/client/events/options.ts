import { AttaccaError } from '../../core/errors.js';
import { ENDLESS, LIMITS } from '../../core/limits.js';
import {
  EVENT,
  EVENT_NAMES,
  FROM,
  SILENCE,
  SLOW,
  SUBSCRIBE,
  type SubscribeFields,
} from '../../protocol/index.js';
import { deadlineOf } from '../options.js';

/** Kinds of events that the pool itself makes. */
export type PoolEventKind = (typeof KINDS)[number];

const KINDS = [
  ...(['declare', 'seal', 'offer', 'require', 'demand', 'withdraw', 'retract', 'dispose'] as const),
  ...(['delete', 'tag', 'promise', 'close', 'join', 'leave', 'crash', 'lost', 'moved'] as const),
  'ready',
] as const;

/** What a subscription asks for. */
export interface SubscribeOptions {
  /**
   * Kinds of events: the pool's own (`offer`, `withdraw`, ...), and any name that members emit
   * under. Left out: all of them but `ready`.
   */
  readonly kinds?: string | readonly string[] | undefined;
  /**
   * A selector (docs/selectors.md) over the attributes and tags of the object, its `name`, and what
   * the event tells of itself: `.event`, `.member`, `.component`, `.version`, `.time`, `.dtype`,
   * `.shape`, `.ndim`, `.order`, `.byteOrder`, `.bytes`. Left out: everything.
   */
  readonly select?: string | undefined;
  /** `before`: told before the operation takes effect. Default `after`. */
  readonly when?: 'before' | 'after' | undefined;
  /**
   * Whether each event is acknowledged by the caller. With `when: 'before'` the operation waits for
   * that. Left out, an event counts as acknowledged when the next one is taken.
   */
  readonly acknowledge?: boolean | undefined;
  /** Whether what this member does itself is told, too. Default false. */
  readonly own?: boolean | undefined;
  /**
   * Where it begins: with what comes (`now`, the default), with the oldest event that the pool has
   * (`start`), with the event of a number (its `seq`), with what is offered now and then what comes
   * (`snapshot`), or where a durable one stopped (`last`; a new one begins with what comes).
   */
  readonly from?: 'now' | 'start' | 'snapshot' | 'last' | number | undefined;
  /**
   * `complete`: ends by itself when all promises are closed and all events were acknowledged.
   * `now`: ends when all that was there when it began was told and acknowledged.
   */
  readonly until?: 'complete' | 'now' | undefined;
  /**
   * A name makes it durable: it is kept when this member ends, and goes on with the next one that
   * subscribes by it. Members that have it at the same time share it: each event goes to one.
   */
  readonly name?: string | undefined;
  /**
   * What becomes of it when it is behind by more than the pool keeps: an event `gap` tells what it
   * has missed (`drop`, the default), those wait who bring more (`block`), or it ends with
   * `subscriber-slow` (`disconnect`).
   */
  readonly slow?: 'drop' | 'block' | 'disconnect' | undefined;
  /** What its silence means to an operation that waits for it. Default `allow`. */
  readonly silence?: 'allow' | 'deny' | undefined;
  /** How long an operation waits for it, in ms; Infinity: for ever. Default: the pool's. */
  readonly answerMs?: number | undefined;
  /** How many events may be on the way and not acknowledged: 1 to 4,096, default 256. */
  readonly window?: number | undefined;
}

const OWN_KINDS: ReadonlySet<string> = new Set(KINDS);

/** Whether a name is that of a kind which members cannot emit. */
export function isPoolKind(name: string): boolean {
  return OWN_KINDS.has(name) || EVENT_NAMES.some((own) => own === name);
}

/** The fields of SUBSCRIBE; RangeError or TypeError for what cannot be asked for. */
export function fieldsOf(
  options: SubscribeOptions,
  numbers: { readonly subscription: number; readonly member: number },
): SubscribeFields {
  const { from = 'now', window = 0, name = '', select = '' } = options;
  const { kinds, topics } = kindsOf(options.kinds);
  if (!Number.isInteger(window) || window < 0) {
    throw new RangeError(`Cannot subscribe with a window of ${window}: it is a whole number`);
  }
  if (window > LIMITS.eventsWindowMax) {
    throw new RangeError(`Cannot subscribe with a window of ${window}: at most 4,096`);
  }
  const isNumber = typeof from === 'number';
  if (isNumber && (!Number.isSafeInteger(from) || from < 0)) {
    throw new RangeError(`Cannot subscribe from ${from}: it is the number of an event`);
  }
  const flags =
    (options.when === 'before' ? SUBSCRIBE.before : 0) |
    (options.acknowledge === true ? SUBSCRIBE.acknowledge : 0) |
    (options.own === true ? SUBSCRIBE.own : 0) |
    (options.until === 'complete' ? SUBSCRIBE.untilComplete : 0) |
    (options.until === 'now' ? SUBSCRIBE.untilNow : 0);
  return {
    ...numbers,
    ...{ kinds, topics, flags, window, name, selector: select },
    from: isNumber ? FROM.seq : codeOf(FROM, from, 'from'),
    seq: isNumber ? from : 0,
    slow: codeOf(SLOW, options.slow ?? 'drop', 'slow'),
    silence: codeOf(SILENCE, options.silence ?? 'allow', 'silence'),
    deadline:
      options.answerMs === Number.POSITIVE_INFINITY ? ENDLESS : deadlineOf(options.answerMs),
  };
}

export function codeOf<K extends string>(
  codes: { readonly [N in K]: number },
  name: K,
  of: string,
): number {
  const code: number | undefined = codes[name];
  if (code === undefined) throw new TypeError(`Cannot subscribe with ${of} "${name}"`);
  return code;
}

function kindsOf(asked: SubscribeOptions['kinds']): { kinds: number; topics: readonly string[] } {
  const names = asked === undefined ? [] : typeof asked === 'string' ? [asked] : asked;
  let kinds = 0;
  const topics: string[] = [];
  for (const name of names) {
    if (name === 'emit') kinds |= 1 << EVENT.emit;
    else if (OWN_KINDS.has(name)) kinds |= 1 << EVENT[name as PoolEventKind];
    else if (isPoolKind(name) || name === '') {
      throw new AttaccaError('bad-argument', `Cannot subscribe to "${name}": it is no kind`);
    } else topics.push(name);
  }
  if (topics.length > 0) kinds |= 1 << EVENT.emit;
  return { kinds, topics: names.includes('emit') ? [] : topics };
}
