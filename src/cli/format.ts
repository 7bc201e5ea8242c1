import { printable } from '../core/unseen.js';
import { Float, Timestamp, type Value, type ValueMap } from '../core/value.js';
import { formatTimestamp, toJson } from './json.js';

export { printable };

/** A name in a sentence: quoted, printable, and not longer than a line. */
export function quoted(name: string): string {
  const characters = Array.from(name);
  const short = characters.length > 120 ? `${characters.slice(0, 117).join('')}...` : name;
  return `"${printable(short)}"`;
}

/** A value of an attribute, or of an answer, for people. */
export function formatValue(value: Value | undefined): string {
  if (value === undefined || value === null) return '-';
  if (typeof value === 'string') return printable(value);
  if (value instanceof Float) return String(value.value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  return toJson(value);
}

export function formatShape(shape: Value | undefined): string {
  if (!Array.isArray(shape)) return '-';
  return shape.length === 0 ? 'scalar' : shape.join(' x ');
}

/** A map as `key=value` pairs. */
export function formatMap(map: Value | undefined): string {
  const entries = Object.entries(mapOf(map));
  return entries.map(([key, value]) => `${printable(key)}=${formatValue(value)}`).join(' ');
}

// Answers are maps whose fields a later pool may change: what is not as expected counts as absent.

export function mapOf(value: Value | undefined): ValueMap {
  const isMap =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array || value instanceof Float || value instanceof Timestamp);
  return isMap ? (value as ValueMap) : {};
}

export function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: Value | undefined): string {
  return typeof value === 'string' ? value : '';
}

export function numberOf(value: Value | undefined): number {
  return typeof value === 'number' ? value : 0;
}

/** Columns under their heads, as wide as they must be; `right` names those with numbers. */
export interface Column {
  readonly head: string;
  readonly right?: boolean;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;
const ONLY_ASCII = /^[ -~]*$/u;

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  if (ONLY_ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (WIDE.test(character)) width += 2;
    else if (!NO_WIDTH.test(character)) width += 1;
  }
  return width;
}

/** A text cut to so many columns: what is left out shows as dots where there is room for them. */
export function fitted(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const dots = width > 3 ? '...' : '';
  const room = width - dots.length;
  let cut = '';
  let used = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > room) break;
    cut += character;
  }
  return cut + dots;
}

/** A table with one line a row; the head is dim on a terminal that shows colours. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: { readonly dim: (text: string) => string },
): string {
  return new Table(columns, style).lines(rows);
}

/** A table that is written while its rows come: columns only grow, so what is written stands. */
export class Table {
  readonly #columns: readonly Column[];
  readonly #dim: (text: string) => string;
  readonly #widths: number[];
  #hasHead = false;

  constructor(columns: readonly Column[], style: { readonly dim: (text: string) => string }) {
    this.#columns = columns;
    this.#dim = style.dim;
    this.#widths = columns.map(({ head }) => widthOf(head));
  }

  /** The lines of more rows; those of the first ones begin with the head. */
  lines(rows: readonly (readonly string[])[]): string {
    for (const row of rows) {
      this.#widths.forEach((width, index) => {
        this.#widths[index] = Math.max(width, widthOf(row[index] ?? ''));
      });
    }
    const lines = rows.map((row) => this.#line(row));
    if (!this.#hasHead) lines.unshift(this.#dim(this.#line(this.#columns.map(({ head }) => head))));
    this.#hasHead = true;
    return lines.join('\n');
  }

  #line(row: readonly string[]): string {
    const parts = this.#columns.map(({ right }, index) => {
      const cell = row[index] ?? '';
      const padding = ' '.repeat(Math.max(0, (this.#widths[index] as number) - widthOf(cell)));
      return right === true ? padding + cell : cell + padding;
    });
    return parts.join('  ').trimEnd();
  }
}

export interface Style {
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

/** Colours where they are seen: a terminal, and nobody has said NO_COLOR. */
export function styleFor(isTerminal: boolean, environment: NodeJS.ProcessEnv): Style {
  const { NO_COLOR, TERM } = environment;
  const plain = !isTerminal || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb';
  const code = (on: number, off: number) => (text: string) =>
    plain ? text : `\u001b[${on}m${text}\u001b[${off}m`;
  return { dim: code(2, 22), bold: code(1, 22) };
}
