import type { Lineage } from '../../client/lineage.js';
import { formatBytes } from '../../core/format-bytes.js';
import { Family } from './family.js';

/** What makers had used before is drawn up to so many; of more their number is. */
const USED_BEFORE_MAX = 6;

export interface Box {
  /** The name; a long one is cut by who draws. */
  readonly title: string;
  readonly detail: string;
  /** What boxes have in common that are coloured alike: the component of the maker. */
  readonly group: string;
  readonly isRoot: boolean;
  readonly isGone: boolean;
  /** It is no version, but words. */
  readonly isNote: boolean;
}

/** From what something was made of to what was made of it. */
export interface Arrow {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly kind: 'derived' | 'declared' | 'used';
}

interface Drawing {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

/** What of a lineage is drawn: all that hangs together, and what the object's maker had used. */
export function drawingOf(lineage: Lineage): Drawing {
  const family = new Family(lineage);
  const boxes: Box[] = [];
  const arrows: Arrow[] = [];
  const places = new Map<number, number>();
  const boxOf = (node: number): number => {
    const known = places.get(node);
    if (known !== undefined) return known;
    places.set(node, boxes.length);
    return boxes.push(boxFor(family, node)) - 1;
  };
  const reach = new Set([...family.reach(0, 'sources'), ...family.reach(0, 'made')]);
  for (const node of reach) boxOf(node);
  for (const node of reach) {
    for (const { node: source, relation } of family.sourcesOf(node)) {
      if (!reach.has(source)) continue;
      const kind = relation === '' ? 'derived' : 'declared';
      const label = relation.replaceAll('-', ' ');
      arrows.push({ from: boxOf(source), to: boxOf(node), label, kind });
    }
  }
  const before = family.usedBefore(0).filter((node) => !reach.has(node));
  const shown = before.length > USED_BEFORE_MAX ? before.slice(0, USED_BEFORE_MAX - 1) : before;
  for (const node of shown) {
    arrows.push({ from: boxOf(node), to: boxOf(0), label: '', kind: 'used' });
  }
  const more = before.length - shown.length;
  if (more > 0) {
    const maker = lineage.activities[lineage.nodes[0]?.activity ?? -1]?.member ?? '';
    const words = { title: `${more} more`, detail: `that ${maker} had used before`, group: '' };
    const note = boxes.push({ ...words, isRoot: false, isGone: false, isNote: true }) - 1;
    arrows.push({ from: note, to: boxOf(0), label: '', kind: 'used' });
  }
  return { boxes, arrows };
}

function boxFor(family: Family, index: number): Box {
  const { nodes, activities } = family.lineage;
  const node = nodes[index];
  const { name = '', version = null, bytes = null, state = '' } = node ?? {};
  const maker = activities[node?.activity ?? -1]?.member ?? '';
  const parts: string[] = [];
  if (version !== null) parts.push(`v${version}`);
  if (bytes !== null) parts.push(formatBytes(bytes));
  const others = family.makersOf(index).length - 1;
  if (maker !== '') parts.push(others > 0 ? `${maker} and ${others} more` : maker);
  if (version === null) parts.push(state === 'unknown' ? 'not in the pool' : state);
  return {
    title: name,
    detail: parts.join(' · '),
    group: maker.replace(/\[\d+\]$/u, ''),
    isRoot: index === 0,
    isGone: state === 'gone' || state === 'withdrawn' || state === 'unknown',
    isNote: false,
  };
}
