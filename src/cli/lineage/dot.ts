import type { Lineage } from '../../client/lineage.js';
import { printable } from '../format.js';
import { drawingOf } from './drawing.js';

/** A lineage in the language of Graphviz. */
export function lineageDot(lineage: Lineage): string {
  const { boxes, arrows } = drawingOf(lineage);
  const lines = boxes.map(({ title, detail, isGone, isRoot, isNote }, index) => {
    const look = [...(isGone ? ['dashed'] : []), ...(isRoot ? ['bold'] : [])];
    const shape = isNote ? 'plaintext' : 'box';
    const label = detail === '' ? title : `${title}\n${detail}`;
    return `  n${index} [label=${text(label)}, shape=${shape}, style=${text(look.join(','))}];`;
  });
  const edges = arrows.map(({ from, to, label, kind }) => {
    const style = kind === 'used' ? 'dashed' : kind === 'declared' ? 'dotted' : 'solid';
    const back = kind === 'declared' ? ', dir=back' : '';
    return `  n${from} -> n${to} [label=${text(label)}, style=${style}${back}];`;
  });
  return ['digraph lineage {', '  rankdir=LR;', ...lines, ...edges, '}'].join('\n');
}

/** In a text of DOT only quotes and backslashes mean something; `\n` is a line end. */
function text(words: string): string {
  const lines = words.split('\n').map((line) => {
    return printable(line).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  });
  return `"${lines.join('\\n')}"`;
}
