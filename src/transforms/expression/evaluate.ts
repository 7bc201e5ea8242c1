import { unreachable } from '../../core/assert.js';
import type { Numbers } from '../numbers.js';
import type { Arithmetic, Comparison, FunctionName, Node } from './syntax.js';

/** Elements that are computed at once: what comes between stays in cache. */
const BLOCK = 1_024;

/** Fills its own block with the values of elements from `start` on, and gives it. */
type Fill = (start: number, count: number) => Float64Array;

/**
 * Evaluates an expression for all elements, block by block: each operation is one loop over arrays
 * of float64, so there is nothing to interpret for an element. As IEEE 754 has it: 1/0 is infinite,
 * 0/0 is NaN, nothing fails. Conditions are 1 and 0. `to` rounds to its own type.
 */
export function evaluate(root: Node, inputs: ReadonlyMap<string, Numbers>, to: Numbers): void {
  const fills = new Map([...inputs].map(([name, numbers]) => [name, inputFill(numbers)] as const));
  const fill = compile(root, fills);
  for (let start = 0; start < to.length; start += BLOCK) {
    const count = Math.min(BLOCK, to.length - start);
    const block = fill(start, count);
    to.set(count === BLOCK ? block : block.subarray(0, count), start);
  }
}

/** An input as float64: made once a block, however often it is named. */
function inputFill(numbers: Numbers): Fill {
  const out = new Float64Array(BLOCK);
  let filled = -1;
  return (start, count) => {
    if (filled !== start) out.set(numbers.subarray(start, start + count));
    filled = start;
    return out;
  };
}

/** In one piece: a case for each kind of node. */
function compile(node: Node, inputs: ReadonlyMap<string, Fill>): Fill {
  const out = new Float64Array(BLOCK);
  switch (node.kind) {
    case 'constant':
      out.fill(node.value);
      return () => out;
    case 'input':
      return inputs.get(node.name) as Fill;
    case 'negate':
      return unary(compile(node.of, inputs), out, (value) => -value);
    case 'not':
      return unary(compile(node.of, inputs), out, (value) => 1 - value);
    case 'isnan':
      return unary(compile(node.of, inputs), out, (value) => (Number.isNaN(value) ? 1 : 0));
    case 'arithmetic':
      return arithmeticFill(
        node.sign,
        compile(node.left, inputs),
        compile(node.right, inputs),
        out,
      );
    case 'compare': {
      const compare = COMPARISONS[node.sign];
      return binary(compile(node.left, inputs), compile(node.right, inputs), out, compare);
    }
    case 'and':
      return binary(compile(node.left, inputs), compile(node.right, inputs), out, (l, r) => l * r);
    case 'or':
      return binary(compile(node.left, inputs), compile(node.right, inputs), out, Math.max);
    case 'call': {
      const [first, ...rest] = node.args.map((each) => compile(each, inputs));
      const call = CALLS[node.name];
      if (node.name === 'sqrt') return sqrtFill(first as Fill, out);
      if (rest.length === 0) return unary(first as Fill, out, call as (value: number) => number);
      let fill = first as Fill;
      // Each joins what came before with one more, in a block of its own.
      for (const next of rest) fill = binary(fill, next, new Float64Array(BLOCK), call);
      return fill;
    }
    case 'where': {
      const condition = compile(node.condition, inputs);
      const left = compile(node.left, inputs);
      const right = compile(node.right, inputs);
      return (start, count) => {
        const [decides, yes, no] = [condition, left, right].map((fill) => fill(start, count));
        if (decides === undefined || yes === undefined || no === undefined) return out;
        for (let at = 0; at < count; at++) {
          out[at] = (decides[at] !== 0 ? yes[at] : no[at]) as number;
        }
        return out;
      };
    }
    default:
      return unreachable(node);
  }
}

const COMPARISONS: Readonly<Record<Comparison, (left: number, right: number) => number>> = {
  '<': (left, right) => (left < right ? 1 : 0),
  '<=': (left, right) => (left <= right ? 1 : 0),
  '>': (left, right) => (left > right ? 1 : 0),
  '>=': (left, right) => (left >= right ? 1 : 0),
  '==': (left, right) => (left === right ? 1 : 0),
  '!=': (left, right) => (left !== right ? 1 : 0),
};

const CALLS: Readonly<Record<FunctionName, (one: number, other: number) => number>> = {
  ...{ sqrt: Math.sqrt, abs: Math.abs, exp: Math.exp, log: Math.log, log10: Math.log10 },
  ...{ sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos },
  ...{ atan: Math.atan, floor: Math.floor, ceil: Math.ceil, sign: Math.sign },
  ...{ atan2: Math.atan2, min: Math.min, max: Math.max },
  round: (value) => roundEven(value),
};

/** To the nearest integer, of two to the even one, as numpy does. */
function roundEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function sqrtFill(of: Fill, out: Float64Array): Fill {
  return (start, count) => {
    const from = of(start, count);
    for (let at = 0; at < count; at++) out[at] = Math.sqrt(from[at] as number);
    return out;
  };
}

function unary(of: Fill, out: Float64Array, apply: (value: number) => number): Fill {
  return (start, count) => {
    const from = of(start, count);
    for (let at = 0; at < count; at++) out[at] = apply(from[at] as number);
    return out;
  };
}

function binary(
  left: Fill,
  right: Fill,
  out: Float64Array,
  apply: (one: number, other: number) => number,
): Fill {
  return (start, count) => {
    const one = left(start, count);
    const other = right(start, count);
    for (let at = 0; at < count; at++) out[at] = apply(one[at] as number, other[at] as number);
    return out;
  };
}

/** The usual ones have a loop of their own: a call for each element costs five times as much. */
function arithmeticFill(sign: Arithmetic, left: Fill, right: Fill, out: Float64Array): Fill {
  const loop = LOOPS[sign];
  return (start, count) => {
    loop(left(start, count), right(start, count), out, count);
    return out;
  };
}

type Loop = (one: Float64Array, other: Float64Array, out: Float64Array, count: number) => void;

const LOOPS: Readonly<Record<Arithmetic, Loop>> = {
  '+': (one, other, out, count) => {
    for (let at = 0; at < count; at++) out[at] = (one[at] as number) + (other[at] as number);
  },
  '-': (one, other, out, count) => {
    for (let at = 0; at < count; at++) out[at] = (one[at] as number) - (other[at] as number);
  },
  '*': (one, other, out, count) => {
    for (let at = 0; at < count; at++) out[at] = (one[at] as number) * (other[at] as number);
  },
  '/': (one, other, out, count) => {
    for (let at = 0; at < count; at++) out[at] = (one[at] as number) / (other[at] as number);
  },
  '%': (one, other, out, count) => {
    for (let at = 0; at < count; at++) out[at] = (one[at] as number) % (other[at] as number);
  },
  '**': (one, other, out, count) => {
    for (let at = 0; at < count; at++) out[at] = (one[at] as number) ** (other[at] as number);
  },
};
