import { defineStepQueue } from '../../client/events/step-queue.js';
import type { PoolView } from '../../client/pool-view.js';
import { AttaccaError } from '../../core/errors.js';
import { keyText } from '../../core/selector/printer.js';
import { nearest } from '../../core/suggest.js';
import type { ValueMap } from '../../core/value.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { listOf, mapOf, numberOf, quoted, textOf } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { openPool } from '../pool/open.js';
import { steplessIn } from '../stepless.js';
import { checkedSelector, sayMistypedKeys, WHERE_OPTION } from '../where.js';

/** The attribute that says the step, where none is named. */
const STEP = 'step';

export const command = defineCommand({
  usage: ['[NAME]', 'NAME -w SELECTOR [--by KEY] [--keep N] [--max-ahead N]', 'NAME --forget'],
  about: `
    Defines a step queue: of the objects that SELECTOR selects the steps, which an attribute says.
    The newest steps are kept, the oldest withdrawn by the pool; an offer that begins a step waits
    while too many earlier ones wait for somebody who requires them (docs/steps.md). The pool keeps
    the definition; SELECTOR true is of all objects. It bounds steps by --keep, --max-ahead or both. Without a SELECTOR it prints the queue of that
    NAME, without NAME all that there are, and how many objects they select that are of no step, as
    their attribute is no whole number, or is not there.`,
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
    const asked = { select: select === 'true' ? '' : select, by: options.by, keep, maxAhead };
    const isDefined = select !== undefined;
    mustGoTogether(name, isDefined, options);
    await using session = await openPool(context, options);
    if (name !== undefined && isDefined) {
      await defineStepQueue(session.client, name, asked);
      await sayMistyped(session.view, select, options);
      return EXIT.ok;
    }
    const { queues = [] } = await session.view.info();
    const all = listOf(queues).map(mapOf);
    const found = name === undefined ? all : all.filter((queue) => textOf(queue['name']) === name);
    if (name !== undefined && found.length === 0) throw noQueue(name);
    if (name !== undefined && options.forget) await defineStepQueue(session.client, name, null);
    else {
      for (const queue of found) {
        const told = { ...queue, stepless: await steplessIn(session.view, queue) };
        print(options.json ? toJson(told) : lineOf(told));
      }
    }
    return EXIT.ok;
  },
});

/** A queue of all objects is never defined by what was left out. */
function mustGoTogether(
  name: string | undefined,
  isDefined: boolean,
  options: {
    readonly by: string | undefined;
    readonly keep: string | undefined;
    readonly 'max-ahead': string | undefined;
    readonly forget: boolean;
  },
): void {
  const { by, keep, forget, 'max-ahead': maxAhead } = options;
  if (by === '') throw new UsageError('--by is the name of an attribute');
  const says = isDefined || [by, keep, maxAhead].some((each) => each !== undefined);
  if (name === undefined && (says || forget)) throw new UsageError('it needs a NAME');
  if (forget && says) throw new UsageError('--forget goes with a NAME alone');
  if (isDefined && keep === undefined && maxAhead === undefined) {
    throw new UsageError('it would bound nothing: say --keep N, --max-ahead N, or both');
  }
  if (says && !isDefined) {
    throw new UsageError('a queue is of a SELECTOR: say -w SELECTOR (-w true: of all objects)');
  }
}

/**
 * Says what is likely mistyped: keys of the selector, and the attribute that says the step, when it
 * is near one that there is, or none of what is selected has it.
 */
async function sayMistyped(
  view: PoolView,
  select: string,
  options: { readonly by: string | undefined; readonly json: boolean; readonly quiet: boolean },
): Promise<void> {
  const { by, quiet, json } = options;
  await sayMistypedKeys(view, select, options);
  if (quiet || by === undefined || by === STEP) return;
  const { unknownKeys = [] } = await view.explainSelector(`has ${keyText(by)}`);
  const [unknown] = listOf(unknownKeys).map(mapOf);
  if (unknown === undefined) return;
  const [meant] = nearest(by, [STEP]);
  const key = meant ?? textOf(unknown['meant']);
  const count = await view.count(select);
  if (key === '' && count === 0) return;
  const mend = key === '' ? '' : `; did you mean ${quoted(key)}?`;
  if (json) say(toJson({ unknownKeys: [{ key: by, meant: key === '' ? null : key }] }));
  else say(`attacca queue: no object has ${quoted(by)}${mend}`);
}

function noQueue(name: string): AttaccaError {
  const fields = { kind: 'queue', name };
  const message = `Cannot find the queue ${quoted(name)}: there is none of that name`;
  return new AttaccaError('unknown-definition', message, fields);
}

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
  const stepless = numberOf(queue['stepless']);
  if (stepless > 0) words.push(`${stepless} of no step`);
  return words.join('  ');
}
