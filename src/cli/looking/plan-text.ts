import { counted } from '../../core/counted.js';
import type { ValueMap } from '../../core/value.js';
import { listOf, mapOf, numberOf, printable, textOf } from '../format.js';

/** How a selector is answered: each part of it in a line, what it consists of below it. */
export function planText(plan: ValueMap): string {
  return planLines(plan, '', '').join('\n');
}

/** `lead` stands before the first line, `below` before those under it. */
function planLines(plan: ValueMap, lead: string, below: string): string[] {
  const candidates = counted(numberOf(plan['candidates']), 'candidate');
  const selector = printable(textOf(plan['selector']));
  // What only puts its parts together has no words of its own.
  const which = selector === '' ? '' : `${selector}: `;
  const lines = [`${lead}${which}${printable(textOf(plan['how']))}, ${candidates}`];
  const parts = listOf(plan['parts']).map(mapOf);
  parts.forEach((part, index) => {
    const isLast = index === parts.length - 1;
    const deeper = `${below}${isLast ? '   ' : '|  '}`;
    lines.push(...planLines(part, `${below}${isLast ? '`- ' : '|- '}`, deeper));
  });
  return lines;
}
