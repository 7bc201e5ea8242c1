import { AxisSet } from '../../core/regions/axis-set.js';
import type { Box } from '../../core/regions/region.js';

/** The same elements in fewer boxes, none of which has an element in common with another. */
export function mergedBoxes(boxes: readonly Box[]): readonly Box[] {
  const [first = []] = boxes;
  return first.reduceRight((all: readonly Box[], _, axis) => mergedAlong(all, axis), boxes);
}

/** Boxes become one that are the same but for an axis. */
function mergedAlong(boxes: readonly Box[], axis: number): readonly Box[] {
  const alike = new Map<string, Box[]>();
  for (const box of boxes) {
    const key = keyOf(box.toSpliced(axis, 1));
    const found = alike.get(key);
    if (found === undefined) alike.set(key, [box]);
    else found.push(box);
  }
  return [...alike.values()].map((all) => {
    const [one] = all as [Box];
    if (all.length === 1) return one;
    const runs = all.flatMap((box) => box[axis]?.runs ?? []);
    return one.with(axis, AxisSet.of(runs));
  });
}

function keyOf(box: Box): string {
  return box
    .map(({ runs }) => runs.map(({ start, step, count }) => `${start},${step},${count}`).join(' '))
    .join(';');
}
