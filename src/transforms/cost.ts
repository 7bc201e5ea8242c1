import { parseExpression } from './expression/parser.js';
import type { Node } from './expression/syntax.js';
import type { TransformSpec } from './spec.js';

/** Of one element: to go through it once, an operation of an expression, a function in one. */
const STEP_BYTES = 4;
const OPERATION_BYTES = 2;
const CALL_BYTES = 16;

/**
 * What transforms of so many elements cost, in bytes that are moved in that time (some 1.2 ns
 * each): beside the bytes that they touch it says whether a thread is to do them. A long expression
 * over a small array takes longer than a copy of a large one.
 */
export function costOf(specs: readonly TransformSpec[], count: number): number {
  let each = 0;
  for (const spec of specs) {
    each += spec.kind === 'expression' ? costOfExpression(spec.text, ['x']) : STEP_BYTES;
  }
  return each * count;
}

/** The same of one element of an expression. `bad-expression` where it is none. */
export function costOfExpression(text: string, names: readonly string[]): number {
  return STEP_BYTES + costOfNode(parseExpression(text, names).root);
}

function costOfNode(node: Node): number {
  switch (node.kind) {
    case 'constant':
    case 'input':
      return 0;
    case 'negate':
    case 'not':
    case 'isnan':
      return OPERATION_BYTES + costOfNode(node.of);
    case 'arithmetic':
    case 'compare':
    case 'and':
    case 'or':
      return OPERATION_BYTES + costOfNode(node.left) + costOfNode(node.right);
    case 'where':
      return (
        OPERATION_BYTES +
        costOfNode(node.condition) +
        costOfNode(node.left) +
        costOfNode(node.right)
      );
    case 'call':
      return node.args.reduce((sum, each) => sum + costOfNode(each), CALL_BYTES);
  }
}
