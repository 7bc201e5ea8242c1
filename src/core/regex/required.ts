import { encodeUtf8 } from '../utf8.js';
import type { RegexNode } from './syntax.js';

/** Pieces of text; the last one is still being written while `open` stands beyond the others. */
class Pieces {
  readonly done: string[] = [];
  #open = '';

  add(point: number): void {
    this.#open += String.fromCodePoint(point);
  }

  /** What follows need not stand beside what came before. */
  cut(): void {
    if (this.#open !== '') this.done.push(this.#open);
    this.#open = '';
  }
}

function collect(node: RegexNode, pieces: Pieces): void {
  switch (node.kind) {
    case 'character':
      pieces.add(node.point);
      return;
    case 'sequence':
      for (const part of node.parts) collect(part, pieces);
      return;
    case 'repeat':
      pieces.cut();
      // Once at least: what the first one needs is needed.
      if (node.min > 0) collect(node.part, pieces);
      pieces.cut();
      return;
    default:
      pieces.cut();
  }
}

/**
 * Pieces of UTF-8 each of which stands in every text that matches: runs of characters that follow
 * one another in the pattern and that no choice can pass by. There may be none.
 */
export function requiredPieces(node: RegexNode): readonly Uint8Array[] {
  const pieces = new Pieces();
  collect(node, pieces);
  pieces.cut();
  return [...new Set(pieces.done)].map(encodeUtf8);
}
