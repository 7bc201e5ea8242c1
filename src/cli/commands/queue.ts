import { defineStepQueue } from '../../client/events/step-queue.js';
import type { ValueMap } from '../../core/value.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { listOf, mapOf, numberOf, quoted, textOf } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print } from '../output.js';
import { openPool } from '../pool/open.js';
import { checkedSelector, WHERE_OPTION } from '../where.js';

export const command = defineCommand({
  usage: ['', 'NAME -w SELECTOR [--by KEY] [--keep N] [--max-ahead N]', 'NAME --forget'],
  about: `
    Defines a step queue: of the objects that SELECTOR selects the steps, which an attribute says.
    The newest steps are kept, the oldest withdrawn by the pool; an offer that begins a step waits
    while too many earlier ones wait for somebody who requires them (docs/steps.md). The pool keeps
    the definition. Without NAME it prints the queues that there are.`,
  options: {
    ...WHERE_OPTION,
    by: { type: 'string', value: 'KEY', help: 'the attribute that says the step (default: step)' },
    keep: { type: 'string', value: 'N', help: 'so many steps are offered, the newest' },
    'max-ahead': {
      type: 'string',
      value: 'N',
      help: 'so many steps may wait for one who requires them',
    },
    forget: { type: 'boolean', help: 'there is no queue of that NAME any more' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    [
      'attacca queue t850 -w \'param = "t"\' --keep 4 --max-ahead 2',
      'at most four steps in memory',
    ],
    ['attacca get --queue t850 --follow --latest -d now', 'a viewer that skips'],
  ],
  async run(context, { options, words }) {
    const [name, ...more] = words;
    if (more.length > 0) throw new UsageError('it takes one NAME');
    const select = options.where === undefined ? undefined : await checkedSelector(options.where);
    const [keep, maxAhead] = [options.keep, options['max-ahead']].map(countOf);
    await using session = await openPool(context, options);
    if (name === undefined) {
      const { queues = [] } = await session.view.info();
      for (const queue of listOf(queues).map(mapOf)) {
        print(options.json ? toJson(queue) : lineOf(queue));
      }
      return EXIT.ok;
    }
    const asked = { select, by: options.by, keep, maxAhead };
    await defineStepQueue(session.client, name, options.forget ? null : asked);
    return EXIT.ok;
  },
});

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/u.test(text)) return Number(text);
  throw new UsageError(`a number of steps is 1 or more, not "${text}"`);
}

/** For people. */
function lineOf({ name, by, from, to, ...queue }: ValueMap): string {
  const [keep, ahead, steps] = [queue['keep'], queue['maxAhead'], queue['steps']].map(numberOf);
  const words = [quoted(textOf(name)), `by ${textOf(by)}`];
  if (keep !== undefined && keep > 0) words.push(`keep ${keep}`);
  if (ahead !== undefined && ahead > 0) words.push(`max-ahead ${ahead}`);
  words.push(steps === 0 ? 'no steps' : `steps ${numberOf(from)}..${numberOf(to)} (${steps})`);
  return words.join('  ');
}
