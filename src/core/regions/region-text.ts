import type { AxisSet } from './axis-set.js';
import type { Box, Region } from './region.js';
import { lastOf, type Run } from './runs.js';

/** Boxes and runs beyond so many are not told. */
const TOLD_MAX = 4;

/**
 * A region for people, as numpy writes one between brackets: `0:10,:,5`; of several boxes with
 * `and`, of very many pieces the first with `...`.
 */
export function regionText(region: Region): string {
  if (region.isEmpty) return 'nothing';
  if (region.isWhole) return 'all';
  const boxes = region.boxes.slice(0, TOLD_MAX).map((box) => boxText(box, region.shape));
  if (region.boxes.length > TOLD_MAX) boxes.push('...');
  if (!region.points.isEmpty) boxes.push(`${region.points.count} points`);
  return boxes.join(' and ');
}

/** Whether {@link regionText} says all of a region, so that it can be read again. */
export function isTextWhole({ onlyBox }: Region): boolean {
  return onlyBox?.every(({ runs }) => runs.length <= TOLD_MAX) ?? false;
}

function boxText(box: Box, shape: Region['shape']): string {
  return box.map((axis, at) => axisText(axis, shape[at] ?? null)).join(',');
}

function axisText(axis: AxisSet, size: number | null): string {
  if (axis.count === size) return ':';
  const [only] = axis.runs;
  if (axis.runs.length === 1 && only !== undefined) return runText(only);
  const runs = axis.runs.slice(0, TOLD_MAX).map(runText);
  if (axis.runs.length > TOLD_MAX) runs.push('...');
  return `[${runs.join(',')}]`;
}

function runText(run: Run): string {
  const { start, step, count } = run;
  if (count === 1) return `${start}`;
  return `${start}:${lastOf(run) + 1}${step === 1 ? '' : `:${step}`}`;
}
