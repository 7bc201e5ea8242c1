import type { Lineage } from '../../client/lineage.js';
import { fitted, printable, widthOf } from '../format.js';
import { type Arrow, type Box, drawingOf } from './drawing.js';
import { layout, type Point } from './layout.js';

const MARGIN = 24;
const HEAD = 46;
const BOX_HEIGHT = 44;
const PADDING = 14;
/** Of a column of text at the two sizes of letters; a little more than most letters take. */
const TITLE_COLUMN = 8;
const DETAIL_COLUMN = 6.3;
const TITLE_COLUMNS_MAX = 38;
const DETAIL_COLUMNS_MAX = 46;
const GAPS = { across: 72, along: 18 } as const;

const STYLE = `
  text { font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2430; }
  .title { font-size: 13px; font-weight: 600; }
  .detail { font-size: 11px; fill: #5b6472; }
  .label { font-size: 10.5px; fill: #8a5a00; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
  .head { font-size: 15px; font-weight: 600; }
  .box { stroke-width: 1.2; }
  .root { stroke-width: 2.6; }
  .gone { stroke-dasharray: 4 3; fill: #fff; }
  .arrow { fill: none; stroke: #7b8494; stroke-width: 1.4; }
  .declared { stroke: #c98a1b; stroke-dasharray: 1.5 3.5; stroke-linecap: round; stroke-width: 1.8; }
  .used { stroke: #a9b0bc; stroke-dasharray: 5 4; }
`;

/** A lineage as a drawing: a document of SVG that needs nothing else. */
export function lineageSvg(lineage: Lineage): string {
  const { boxes, arrows } = drawingOf(lineage);
  const sizes = boxes.map((box) => ({ width: widthFor(box), height: BOX_HEIGHT }));
  const hues = huesOf(boxes);
  const laid = layout(sizes, arrows, GAPS);
  const title = `Lineage of ${printable(lineage.name)}`;
  const note = noteOf(lineage, arrows);
  const head = Math.max(widthOf(fitted(title, 100)) * 8.6, widthOf(note) * DETAIL_COLUMN);
  const width = Math.ceil(Math.max(laid.width, head) + 2 * MARGIN);
  const height = Math.ceil(laid.height + 2 * MARGIN + HEAD);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    '<defs>',
    marker('tip', '#7b8494'),
    marker('tip-declared', '#c98a1b'),
    marker('tip-used', '#a9b0bc'),
    '</defs>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text class="head" x="${MARGIN}" y="${MARGIN + 8}">${escaped(fitted(title, 100))}</text>`,
    `<text class="detail" x="${MARGIN}" y="${MARGIN + 26}">${escaped(note)}</text>`,
    `<g transform="translate(${MARGIN} ${MARGIN + HEAD})">`,
    ...arrows.map((arrow, index) => arrowSvg(arrow, laid.arrows[index] ?? [])),
    ...boxes.map((box, index) => {
      const { x = 0, y = 0 } = laid.boxes[index] ?? {};
      const frame = { x, y, width: sizes[index]?.width ?? 0 };
      return boxSvg(box, frame, hues.get(box.group) ?? 0);
    }),
    ...arrows.map((arrow, index) => labelSvg(arrow, laid.arrows[index] ?? [])),
    '</g>',
    '</svg>',
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

function noteOf(lineage: Lineage, arrows: readonly Arrow[]): string {
  const { deeper, truncated, forgotten } = lineage;
  const notes = ['from what it was made of, on the left, to what was made of it'];
  if (arrows.some(({ kind }) => kind === 'used'))
    notes.push('dashed: its maker had used it before');
  if (arrows.some(({ kind }) => kind === 'declared')) notes.push('dotted: what objects declare');
  if (deeper) notes.push('there is more further on');
  if (truncated) notes.push('there is more than one answer holds');
  if (forgotten) notes.push('some of it is forgotten');
  return notes.join('; ');
}

function widthFor({ title, detail }: Box): number {
  const titleWidth = Math.min(widthOf(printable(title)), TITLE_COLUMNS_MAX) * TITLE_COLUMN;
  const detailWidth = Math.min(widthOf(printable(detail)), DETAIL_COLUMNS_MAX) * DETAIL_COLUMN;
  return Math.ceil(Math.max(titleWidth, detailWidth, 60) + 2 * PADDING);
}

function marker(id: string, color: string): string {
  const shape = `<path d="M0 0 8 4 0 8z" fill="${color}"/>`;
  return `<marker id="${id}" markerWidth="8" markerHeight="8" refX="7.5" refY="4" orient="auto" markerUnits="userSpaceOnUse">${shape}</marker>`;
}

interface Frame extends Point {
  readonly width: number;
}

function boxSvg(box: Box, { x, y, width }: Frame, hue: number): string {
  const middle = round(x + width / 2);
  const look = `box${box.isRoot ? ' root' : ''}${box.isGone ? ' gone' : ''}`;
  const colors = `stroke="hsl(${hue} 45% 46%)" fill="hsl(${hue} 62% 95%)"`;
  const frame = `<rect class="${look}" x="${round(x)}" y="${round(y)}" width="${width}" height="${BOX_HEIGHT}" rx="7" ${colors}/>`;
  const title = fitted(printable(box.title), TITLE_COLUMNS_MAX);
  const detail = fitted(printable(box.detail), DETAIL_COLUMNS_MAX);
  return [
    `<g><title>${escaped(printable(`${box.title}\u2003${box.detail}`))}</title>`,
    box.isNote ? '' : frame,
    `<text class="title" text-anchor="middle" x="${middle}" y="${round(y + 19)}">${escaped(title)}</text>`,
    `<text class="detail" text-anchor="middle" x="${middle}" y="${round(y + 34)}">${escaped(detail)}</text>`,
    '</g>',
  ].join('');
}

/**
 * Curves from point to point that begin and end level. What is declared is said by what was made:
 * such an arrow points back, to what it speaks of.
 */
function arrowSvg({ kind }: Arrow, points: readonly Point[]): string {
  const forth = kind === 'declared' ? -1 : 1;
  const [start, ...others] = forth > 0 ? points : points.toReversed();
  if (start === undefined) return '';
  let path = `M${round(start.x)} ${round(start.y)}`;
  let last = start;
  for (const { x, y } of others) {
    const isLevel = last.y === y && (x - last.x) * forth >= 0;
    const bend = forth * Math.max(Math.abs(x - last.x) / 2, 24);
    path += isLevel
      ? `H${round(x)}`
      : `C${round(last.x + bend)} ${round(last.y)} ${round(x - bend)} ${round(y)} ${round(x)} ${round(y)}`;
    last = { x, y };
  }
  const tip = kind === 'derived' ? 'tip' : `tip-${kind}`;
  return `<path class="arrow ${kind}" d="${path}" marker-end="url(#${tip})"/>`;
}

function labelSvg({ label }: Arrow, points: readonly Point[]): string {
  const [start, next] = points;
  if (label === '' || start === undefined || next === undefined) return '';
  const x = round((start.x + next.x) / 2);
  const y = round((start.y + next.y) / 2 - 4);
  return `<text class="label" text-anchor="middle" x="${x}" y="${y}">${escaped(printable(label))}</text>`;
}

/** A colour for each group, those of any two as far apart as can be with so many. */
function huesOf(boxes: readonly Box[]): Map<string, number> {
  const groups = [...new Set(boxes.map(({ group }) => group))].sort();
  return new Map(groups.map((group, index) => [group, Math.round(210 + index * 137.5) % 360]));
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
