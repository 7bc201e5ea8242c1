import type { PoolView } from '../client/pool-view.js';
import { quoted as selectorText } from '../core/selector/printer.js';
import type { Value, ValueMap } from '../core/value.js';
import { listOf, mapOf, textOf } from './format.js';

/** Steps that are told apart; all others count as steps. */
const VALUES_MAX = 4_096;

/** What a queue selects of what is offered now. */
function selectorOf(queue: ValueMap): string {
  const own = textOf(queue['selector']);
  return own === '' ? '.state = "offered"' : `(${own}) and .state = "offered"`;
}

const isStep = (value: Value | undefined): boolean => Number.isSafeInteger(value);

/**
 * How many objects a queue selects that are of no step, so that nothing bounds them: their
 * attribute is no whole number, or they have none.
 */
export async function steplessIn(view: PoolView, queue: ValueMap): Promise<number> {
  const selector = selectorOf(queue);
  const [selected, { values, otherObjects }] = await Promise.all([
    view.count(selector),
    view.facets(textOf(queue['by']), { selector, limit: VALUES_MAX }),
  ]);
  const steps = values.filter(({ value }) => isStep(value));
  const bounded = steps.reduce((sum, { count }) => sum + count, otherObjects);
  // Objects may have come and gone between the two answers.
  return Math.max(0, selected - bounded);
}

/** Of an object that is offered: the queues that select it, of which it is of no step. */
export async function queuesWithout(view: PoolView, name: string): Promise<ValueMap[]> {
  const found: ValueMap[] = [];
  const { queues = [] } = await view.info();
  for (const queue of listOf(queues).map(mapOf)) {
    const by = textOf(queue['by']);
    const selector = `${selectorOf(queue)} and name = ${selectorText(name)}`;
    const [selected, { values }] = await Promise.all([
      view.count(selector),
      view.facets(by, { selector, limit: 1 }),
    ]);
    const value = values[0]?.value ?? null;
    if (selected > 0 && !isStep(value ?? undefined)) {
      found.push({ queue: textOf(queue['name']), by, value });
    }
  }
  return found;
}
