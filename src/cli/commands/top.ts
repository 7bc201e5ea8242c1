import { type PoolSample, top } from '../../apps/index.js';
import { defineCommand } from '../command.js';
import { parseDuration } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { styleFor } from '../format.js';
import { toJson } from '../json.js';
import { isEnd, Keys } from '../keys.js';
import { topText } from '../looking/top-text.js';
import { COMMON_OPTIONS, POOL_OPTION, parseCount } from '../options.js';
import { print, stdoutColumns, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';
import { Screen } from '../screen.js';

const INTERVAL_MS = 1_000;
const INTERVAL_MS_MIN = 50;

export const command = defineCommand({
  usage: [''],
  about: `
    Shows the pool as it lives: operations and events a second, how it grows, its memory, who waits
    for what and why, the subscribers that are slowest, the members that hold most. On a terminal the
    screen is renewed once a second until q or Ctrl-C; elsewhere each look is printed below the last.
    A look takes three operations, which are among those that it shows.

    With --json each look is a line: rates (operations, events, objects, bytes a second), counters,
    info, members, waits, subscriptions, each as attacca info, members and explain tell them.`,
  options: {
    once: { type: 'boolean', help: 'one look, with the rates of one interval, and end' },
    count: { type: 'string', short: 'n', value: 'N', help: 'end after so many looks' },
    interval: { type: 'string', value: 'TIME', help: 'between two looks (default: 1s)' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca top', 'watch a run'],
    ['attacca top --once', 'how it is now'],
    ['attacca top --json --interval 10s', 'for a file of figures'],
  ],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    const { json, once } = options;
    const { interval, count } = options;
    const intervalMs = interval === undefined ? INTERVAL_MS : parseDuration(interval, '--interval');
    if (intervalMs < INTERVAL_MS_MIN) {
      throw new UsageError(`"--interval" is at least ${INTERVAL_MS_MIN}ms, not "${interval}"`);
    }
    // The first look has no rates: it is for the second one to be compared with.
    const most = once ? 1 : count === undefined ? undefined : parseCount(count, '--count');
    const looks = most === undefined ? undefined : most + 1;
    const { signal } = context;
    await using session = await openPool(context, options);
    const end = new AbortController();
    const ends = AbortSignal.any([signal, end.signal]);
    const isScreen = stdoutIsTerminal() && !json && most === undefined;
    const style = styleFor(stdoutIsTerminal(), context.environment);
    let last: PoolSample | null = null;
    using shown = isScreen
      ? new Shown(
          () => end.abort(),
          () => draw(),
        )
      : null;
    const draw = (): void => {
      if (last === null) return;
      if (shown !== null) {
        const { columns, rows } = shown.screen;
        shown.screen.show(topText(last, { columns, rows, style }));
      } else
        print(
          json ? sampleJson(last) : topText(last, { columns: stdoutColumns(), rows: null, style }),
        );
    };
    for await (const sample of top(session.view, { intervalMs, count: looks, signal: ends })) {
      if (sample.rates === null && shown === null) continue;
      if (last !== null && shown === null && !json) print('');
      last = sample;
      draw();
    }
    signal.throwIfAborted();
    return EXIT.ok;
  },
});

/** A screen, and the keys that end it. */
class Shown {
  readonly screen: Screen;
  readonly #keys: Keys | null;

  constructor(onEnd: () => void, onResize: () => void) {
    this.screen = new Screen(onResize);
    this.#keys = process.stdin.isTTY ? new Keys() : null;
    void this.#listen(onEnd);
  }

  async #listen(onEnd: () => void): Promise<void> {
    if (this.#keys === null) return;
    while (!isEnd(await this.#keys.next())) {
      // Other keys mean nothing.
    }
    onEnd();
  }

  [Symbol.dispose](): void {
    this.#keys?.[Symbol.dispose]();
    this.screen[Symbol.dispose]();
  }
}

function sampleJson({ rates, counters, info, members, waits, subscriptions }: PoolSample): string {
  return toJson({
    rates: { ...rates },
    counters: { ...counters },
    ...{ info, members: [...members], waits: [...waits], subscriptions: [...subscriptions] },
  });
}
