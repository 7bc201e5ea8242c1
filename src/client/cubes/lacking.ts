import { type Label, labelsText, type Picked } from '../../core/cubes/axis.js';
import { AttaccaError } from '../../core/errors.js';
import { quoted } from '../../core/selector/printer.js';
import { sameReason } from '../errors.js';
import { type Pick, resolve } from './picks.js';
import type { CubeState } from './state.js';

/**
 * What is picked of axes that these have not, and what they have: of a label that is mistyped
 * nothing will ever come. Null: nothing is, or it was not looked at yet.
 */
export function lackingText(state: CubeState, picks: readonly Pick[]): string | null {
  if (!state.isKnown) return null;
  const lacking = state.definition.axes.flatMap((axis) => {
    const picked = resolve(state, axis, picks) ?? [];
    const missing = picked.filter(({ at }) => at < 0);
    if (missing.length === 0) return [];
    const known = state.allOf(axis);
    const labels = known.length === 0 ? 'none' : labelsText(known.map(labelOf));
    return [`${quoted(axis)} has no ${labelsText(missing.map(labelOf))}, but ${labels}`];
  });
  return lacking.length === 0 ? null : lacking.join('; ');
}

const labelOf = ({ label }: Picked): Label => label;

/** The end of a wait, with what was waited for of axes that have it not. */
export function withLacking(error: unknown, state: CubeState, picks: readonly Pick[]): unknown {
  const isWait = error instanceof AttaccaError && ENDS.includes(error.code);
  const lacking = isWait ? lackingText(state, picks) : null;
  if (!isWait || lacking === null) return error;
  return sameReason(error, `${error.message}; ${lacking}`, error.fields);
}

const ENDS: readonly string[] = ['deadline-passed', 'nobody-will-offer'];
