import type { Lineage, LineageNode } from '../../client/lineage.js';
import { formatBytes } from '../../core/format-bytes.js';
import { formatDuration } from '../duration.js';
import { printable, type Style } from '../format.js';
import { Family, type Link } from './family.js';

/** Names in one line; further ones are counted. */
const NAMES_MAX = 4;
/** Beyond so many steps a tree is no help on a terminal. */
const INDENTS_MAX = 40;

interface TreeOptions {
  /** Which directions to show. */
  readonly sides: { readonly sources: boolean; readonly made: boolean };
  readonly now: number;
  readonly style: Style;
}

/** A lineage as trees: what an object was made of, and what was made of it. */
export function lineageText(lineage: Lineage, { sides, now, style }: TreeOptions): string {
  const family = new Family(lineage);
  const [root] = lineage.nodes;
  if (root === undefined) return '';
  const lines = [`${style.bold(printable(root.name))}${detailOf(family, 0, now)}`];
  const maker = root.activity === null ? undefined : lineage.activities[root.activity];
  if (maker !== undefined && maker.command !== null) {
    const where = maker.pid === null ? '' : ` (process ${maker.pid} on ${maker.host ?? '?'})`;
    lines.push(style.dim(`made by ${printable(maker.command)}${printable(where)}`));
  }
  if (sides.sources) {
    const isMade = family.sourcesOf(0).length > 0 || family.usedBefore(0).length > 0;
    lines.push('', isMade ? style.bold('Made of') : 'Made of nothing that the pool knows of.');
    lines.push(...new Tree(family, 'sources', now, style).lines);
  }
  if (sides.made) {
    const isMade = family.madeOf(0).length > 0;
    lines.push('', isMade ? style.bold('Made into') : 'Nothing was made of it.');
    lines.push(...new Tree(family, 'made', now, style).lines);
    const readers = family.readersOf(0).map((each) => lineage.activities[each]?.member ?? '');
    if (readers.length > 0) lines.push(style.dim(`handed over to ${someNames(readers)}`));
  }
  return [...lines, ...notesOf(lineage, style)].join('\n');
}

/** What is not there, and why. */
function notesOf(lineage: Lineage, style: Style): string[] {
  const notes: string[] = [];
  if (lineage.deeper) notes.push('There is more further on: --depth N takes more steps.');
  if (lineage.truncated) notes.push('There is more than one answer holds: the nearest is shown.');
  if (lineage.forgotten) notes.push('Of some of it the pool does not remember all any more.');
  return notes.length === 0 ? [] : ['', ...notes.map((note) => style.dim(note))];
}

/** One direction: each version once; where it comes again, it is referred to. */
class Tree {
  readonly lines: string[] = [];
  readonly #family: Family;
  readonly #side: 'sources' | 'made';
  readonly #now: number;
  readonly #style: Style;
  readonly #shown = new Set([0]);

  constructor(family: Family, side: 'sources' | 'made', now: number, style: Style) {
    this.#family = family;
    this.#side = side;
    this.#now = now;
    this.#style = style;
    this.#below(0, '', 0);
  }

  #linksOf(node: number): readonly Link[] {
    const family = this.#family;
    return this.#side === 'sources' ? family.sourcesOf(node) : family.madeOf(node);
  }

  #below(node: number, indent: string, depth: number): void {
    const links = this.#linksOf(node);
    const before = this.#side === 'sources' ? this.#family.usedBefore(node) : [];
    links.forEach((link, index) => {
      const isLast = index === links.length - 1 && before.length === 0;
      this.#link(
        link,
        `${indent}${isLast ? '└─ ' : '├─ '}`,
        `${indent}${isLast ? '   ' : '│  '}`,
        depth,
      );
    });
    if (before.length === 0) return;
    const { nodes } = this.#family.lineage;
    const names = someNames(before.map((each) => nodes[each]?.name ?? ''));
    const who = this.#family.makersOf(node).length > 1 ? 'its makers' : 'its maker';
    this.lines.push(this.#style.dim(`${indent}└─ ${who} had used before: ${names}`));
  }

  #link({ node, relation }: Link, lead: string, indent: string, depth: number): void {
    const { lineage } = this.#family;
    const it = lineage.nodes[node];
    if (it === undefined) return;
    const words = relation === '' ? '' : `${wordsOf(relation, this.#side)} `;
    const isAgain = this.#shown.has(node);
    this.#shown.add(node);
    const hasMore = this.#linksOf(node).length > 0;
    const isCut = !isAgain && hasMore && depth >= INDENTS_MAX;
    const note = isAgain && hasMore ? ', see above' : isCut ? ', and more (see --json)' : '';
    const detail = isAgain && hasMore ? versionOf(it) : detailOf(this.#family, node, this.#now);
    this.lines.push(
      `${lead}${this.#style.dim(words)}${printable(it.name)}${detail}${this.#style.dim(note)}`,
    );
    if (!isAgain && !isCut) this.#below(node, indent, depth + 1);
  }
}

/** `depends-on` the one way, and the other way round. */
function wordsOf(relation: string, side: 'sources' | 'made'): string {
  const words = printable(relation.replaceAll('-', ' '));
  return side === 'sources' ? `(${words})` : `(${words} it)`;
}

function versionOf({ version }: LineageNode): string {
  return version === null ? '' : ` v${version}`;
}

/** ` v2, 3.0 KiB, by model[0], 12 s ago, gone`; of several: `by model[0] and 3 more`. */
function detailOf(family: Family, index: number, now: number): string {
  const { lineage } = family;
  const node = lineage.nodes[index];
  if (node === undefined) return '';
  const { bytes, time, activity, state } = node;
  const parts: string[] = [];
  if (bytes !== null) parts.push(formatBytes(bytes));
  const maker = activity === null ? undefined : lineage.activities[activity];
  if (maker !== undefined) {
    const end = maker.stay === 'crashed' ? ' (crashed)' : '';
    const others = family.makersOf(index).length - 1;
    const more = others > 0 ? ` and ${others} more` : '';
    parts.push(`by ${printable(maker.member)}${end}${more}`);
  }
  if (time !== null) parts.push(`${formatDuration(Math.max(0, now - time.getTime()))} ago`);
  if (state !== 'offered') parts.push(state === 'unknown' ? 'not in the pool' : state);
  const version = versionOf(node);
  return parts.length === 0
    ? version
    : `${version}${version === '' ? ' ' : ', '}${parts.join(', ')}`;
}

function someNames(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).map(printable);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
