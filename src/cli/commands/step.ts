import { type StepAnswer, type StepOutcome, step } from '../../apps/index.js';
import type { PoolEvent } from '../../client/events/event.js';
import { counted } from '../../core/counted.js';
import { defineCommand } from '../command.js';
import { eventLine } from '../event-line.js';
import { EXIT } from '../exit.js';
import { printable, quoted } from '../format.js';
import { eventJson, toJson } from '../json.js';
import { isEnd, Keys } from '../keys.js';
import { noteKinds } from '../kinds.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { checkedSelector, sayMistypedKeys, selecting } from '../where.js';

const KEYS_TEXT = 'space: go on, v: forbid, c: let all go, q: quit';
const LINES_TEXT = 'a line for each: empty or go: go on, v REASON: forbid, c: let all go, q: quit';
const NO_REASON = 'somebody has said no';

export const command = defineCommand({
  usage: ['[KIND...]'],
  about: `
    Holds each operation that matches, shows it, and lets it go with a key: space or enter lets it go,
    v forbids it with a reason, c lets it and all that come go, q ends, and all that is held goes on;
    so does Ctrl-C, with exit code 130.
    KIND is offer, withdraw, require, demand, retract, delete, tag, promise, close, join, leave,
    declare, seal, or a name that members emit under; without one it is all but declare and seal.

    Where standard input is no terminal it is read line by line, a line for each operation as it comes:
    an empty line (or go), v REASON, c, q; the line of an operation that has ended meanwhile decides
    nothing, and is told. When all lines are used and the input has ended, the command
    ends, and says so: nothing is held any more. With --json each operation is a line, as attacca events --json prints it,
    with decided: gone on, vetoed or cancelled (its program has gone).`,
  options: {
    where: {
      type: 'string',
      short: 'w',
      value: 'SELECTOR',
      help: 'only operations on what is selected; .event, .member, .version, .bytes and others are keys, too',
    },
    member: { type: 'string', value: 'NAME', help: 'who holds them (default: step[*])' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca step offer -w \'param = "t"\'', 'field by field'],
    ["yes '' | attacca step --json", 'what is done in the pool, as it is about to be done'],
  ],
  async run(context, { options, words }) {
    const { json, quiet, where = '' } = options;
    if (where !== '') await checkedSelector(where);
    const { signal } = context;
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    using keys = new Keys();
    const help = `attacca step: ${keys.isTerminal ? KEYS_TEXT : LINES_TEXT}`;
    const lines = new LinesDue(keys);
    const shown = new Set<number>();
    const decide = async (
      event: PoolEvent,
      { waiting, cancelled }: { readonly waiting: number; readonly cancelled: AbortSignal },
    ): Promise<StepAnswer> => {
      shown.add(event.n);
      if (!json) print(eventLine(event) + (waiting > 0 ? `  (${waiting} more wait)` : ''));
      // Each has a line of its own: that of one that has ended does not decide the next.
      const ofAll = await lines.pass(cancelled);
      if (ofAll !== null) return ofAll;
      for (;;) {
        const answer = await answerOf(keys, cancelled);
        if (cancelled.aborted) lines.owe(event);
        if (answer !== null) return answer;
        say(help);
      }
    };
    const onDecided = (event: PoolEvent, outcome: StepOutcome): void => {
      const line = eventJson(event);
      if (json) print(`${line.slice(0, -1)},"decided":${toJson(outcome)}}`);
      else if (outcome !== 'gone on') {
        print(shown.has(event.n) ? `  ${outcome}` : `${eventLine(event)}  ${outcome}`);
      }
      shown.delete(event.n);
    };
    const onReady = (): void => {
      if (!quiet) say(help);
    };
    const kinds = words.length === 0 ? undefined : words;
    if (!quiet) noteKinds('step', words);
    await sayMistypedKeys(session.view, options.where, options);
    const stepping = step(pool, {
      ...{ kinds, select: options.where, decide, onDecided, onReady },
      signal: AbortSignal.any([signal, keys.end]),
    });
    const summary = await selecting(where, () => stepping);
    // A contract that one believes in force is not silently off.
    if (!keys.isTerminal && keys.isUsedUp && !signal.aborted) {
      say('attacca step: its input has ended: nothing is held any more');
    }
    const { goneOn, vetoed, cancelled } = summary;
    if (!quiet && !json) {
      const told = [`${counted(goneOn, 'operation')} went on`, `${vetoed} vetoed`];
      if (cancelled > 0) told.push(`${cancelled} cancelled`);
      say(`attacca step: ${told.join(', ')}`);
    }
    signal.throwIfAborted();
    return EXIT.ok;
  },
});

/**
 * Where input is no terminal each operation that was shown has a line. One that ended before its
 * line came has it still to come: then it is told that it decides nothing.
 */
class LinesDue {
  readonly #keys: Keys;
  readonly #ended: PoolEvent[] = [];

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  owe(event: PoolEvent): void {
    if (!this.#keys.isTerminal) this.#ended.push(event);
  }

  /** Takes the lines of those that have ended; returns what one says of all that come. */
  async pass(cancelled: AbortSignal): Promise<'quit' | 'continue' | null> {
    for (let event = this.#ended[0]; event !== undefined; event = this.#ended[0]) {
      const line = await this.#keys.next(cancelled);
      // This one has ended too, or there is no line any more: what is asked next says so.
      if (line === null) return null;
      if (isEnd(line) || line === 'quit') return 'quit';
      if (line === 'c' || line === 'continue') return 'continue';
      this.#ended.shift();
      const what = `${event.kind} ${quoted(event.name)}`;
      say(`attacca step: ${quoted(line)} decides nothing: the ${what} that it was for has ended`);
    }
    return null;
  }
}

/** Null: what was typed says nothing. */
async function answerOf(keys: Keys, cancelled: AbortSignal): Promise<StepAnswer | null> {
  const typed = await keys.next(cancelled);
  if (isEnd(typed) || typed === null) return 'quit';
  if (['', ' ', '\r', '\n', 'g', 'go'].includes(typed)) return 'go';
  if (typed === 'c' || typed === 'continue') return 'continue';
  if (typed === 'quit') return 'quit';
  if (!/^v(?:eto)?(?: |$)/u.test(typed)) return null;
  if (!keys.isTerminal) return { veto: typed.replace(/^v(?:eto)? ?/u, '') || NO_REASON };
  const reason = await reasonOf(keys, cancelled);
  return reason === null ? null : { veto: reason === '' ? NO_REASON : reason };
}

/** A line that is typed key by key; null when it was thought better of. */
async function reasonOf(keys: Keys, cancelled: AbortSignal): Promise<string | null> {
  let text = '';
  const show = (): void => {
    process.stderr.write(`\r\u001b[Kbecause: ${printable(text)}`);
  };
  for (show(); ; show()) {
    const key = await keys.next(cancelled);
    if (key === '\r' || key === '\n') break;
    const isOver = key === null || key === '\u001b';
    if (isOver) {
      process.stderr.write('\r\u001b[K');
      return null;
    }
    text = key === '\u007f' || key === '\b' ? Array.from(text).slice(0, -1).join('') : text + key;
  }
  process.stderr.write('\r\n');
  return text;
}
