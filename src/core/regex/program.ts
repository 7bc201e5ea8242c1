import { unreachable } from '../assert.js';
import { LIMITS } from '../limits.js';
import { encodeUtf8 } from '../utf8.js';
import type { PatternRefusal, RegexNode } from './syntax.js';

/** A state of the automaton. Bytes: runs of first and last byte, and the state they lead to. */
export type ProgramState =
  | { readonly kind: 'bytes'; readonly edges: number[] }
  | { readonly kind: 'split'; readonly targets: number[] }
  | { readonly kind: 'start'; readonly target: number }
  | { readonly kind: 'end'; readonly target: number }
  | { readonly kind: 'match' };

/** A pattern as a nondeterministic automaton over the bytes of UTF-8. */
export interface Program {
  readonly states: readonly ProgramState[];
  readonly first: number;
  /** States and edges together: what one byte of text can cost at most. */
  readonly size: number;
}

/** Runs of bytes, first and last each, that together spell a range of characters. */
type Spelling = readonly (readonly [first: number, last: number])[];

/**
 * Divides a range of code points so that in each part every byte has a range of its own: where
 * the size in UTF-8 changes, and where a range does not fill the bytes that follow.
 */
function spell(first: number, last: number, into: Spelling[]): void {
  for (const end of [0x7f, 0x7ff, 0xffff]) {
    if (first <= end && last > end) {
      spell(first, end, into);
      spell(end + 1, last, into);
      return;
    }
  }
  for (let bits = 6; last > 0x7f && bits <= 18; bits += 6) {
    const low = (1 << bits) - 1;
    if (first >> bits === last >> bits) continue;
    const middle = (first & low) !== 0 ? (first | low) + 1 : (last & low) !== low ? last & ~low : 0;
    if (middle === 0) continue;
    spell(first, middle - 1, into);
    spell(middle, last, into);
    return;
  }
  const lows = encodePoint(first);
  const highs = encodePoint(last);
  into.push(Array.from(lows, (low, index) => [low, highs[index] as number] as const));
}

/** As UTF-8 would; halves of surrogate pairs too, which no text holds, as ends of ranges. */
function encodePoint(point: number): readonly number[] {
  if (point < 0xd800 || point > 0xdfff) return [...encodeUtf8(String.fromCodePoint(point))];
  return [0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)];
}

/** Builds from the end to the start, as each state names the next. */
class ProgramBuilder {
  readonly states: ProgramState[] = [{ kind: 'match' }];
  size = 1;
  readonly #refused: PatternRefusal;

  constructor(refused: PatternRefusal) {
    this.#refused = refused;
  }

  #grow(by: number): void {
    this.size += by;
    if (this.size > LIMITS.regexSizeMax) {
      const why = `it needs more than ${LIMITS.regexSizeMax} states: repeat less, or simpler things`;
      this.#refused(why, 0);
    }
  }

  add(state: ProgramState): number {
    const edges = state.kind === 'bytes' ? state.edges.length / 3 : 0;
    this.#grow(1 + edges);
    return this.states.push(state) - 1;
  }

  /** Adds what matches `node` and then goes on at `next`; returns where it begins. */
  node(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'character':
        return this.#characters([node.point, node.point], next);
      case 'set':
        return this.#characters(node.ranges, next);
      case 'start':
      case 'end':
        return this.add({ kind: node.kind, target: next });
      case 'sequence':
        return node.parts.reduceRight((target, part) => this.node(part, target), next);
      case 'choice':
        return this.#split(node.parts.map((part) => this.node(part, next)));
      case 'repeat':
        return this.#repeat(node, next);
      default:
        return unreachable(node);
    }
  }

  #split(targets: number[]): number {
    this.#grow(targets.length);
    return this.add({ kind: 'split', targets });
  }

  /** A set that is empty leads nowhere. */
  #characters(ranges: readonly number[], next: number): number {
    const spellings: Spelling[] = [];
    for (let index = 0; index < ranges.length; index += 2) {
      spell(ranges[index] as number, ranges[index + 1] as number, spellings);
    }
    const edges: number[] = [];
    const tails = new Map<string, number>();
    for (const spelling of spellings) {
      let target = next;
      for (let index = spelling.length - 1; index > 0; index--) {
        const [first, last] = spelling[index] as Spelling[number];
        const name = `${first} ${last} ${target}`;
        target = tails.get(name) ?? this.add({ kind: 'bytes', edges: [first, last, target] });
        tails.set(name, target);
      }
      const [first, last] = spelling[0] as Spelling[number];
      edges.push(first, last, target);
    }
    return this.add({ kind: 'bytes', edges });
  }

  #repeat({ part, min, max }: RegexNode & { kind: 'repeat' }, next: number): number {
    // What adds no state costs too, or a repetition of nothing could be repeated without end.
    this.#grow(max === Number.POSITIVE_INFINITY ? min : max);
    let entry = next;
    if (max === Number.POSITIVE_INFINITY) {
      const targets = [next];
      entry = this.#split(targets);
      targets.push(this.node(part, entry));
    } else {
      for (let count = min; count < max; count++) {
        entry = this.#split([this.node(part, entry), next]);
      }
    }
    for (let count = 0; count < min; count++) entry = this.node(part, entry);
    return entry;
  }
}

/** Whether a match can only begin where the text begins. */
function isAnchored(node: RegexNode): boolean {
  if (node.kind === 'sequence') return node.parts[0] !== undefined && isAnchored(node.parts[0]);
  if (node.kind === 'choice') return node.parts.every(isAnchored);
  return node.kind === 'start';
}

/** The automaton that finds `node` anywhere in a text; one that is too large is refused. */
export function programOf(node: RegexNode, refused: PatternRefusal): Program {
  const builder = new ProgramBuilder(refused);
  let first = builder.node(node, 0);
  if (!isAnchored(node)) {
    const edges: number[] = [];
    const anyByte = builder.add({ kind: 'bytes', edges });
    first = builder.add({ kind: 'split', targets: [first, anyByte] });
    edges.push(0, 255, first);
  }
  return { states: builder.states, first, size: builder.size };
}
