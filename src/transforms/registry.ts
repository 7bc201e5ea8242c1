import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { didYouMean } from '../core/suggest.js';
import { checkSpec } from './check.js';
import { parseExpression } from './expression/parser.js';
import { refuseTransform } from './failure.js';
import type { TransformSpec } from './spec.js';
import { checkWasm } from './wasm.js';

type Chain = readonly TransformSpec[];

/**
 * Transforms of one's own, by name: an expression, WebAssembly, a chain of any. A program makes one
 * and passes it around; nothing is known to pools or other programs by it. What is defined is
 * checked as far as it can be without an array, once, and does not change any more.
 *
 * ```ts
 * const transforms = new Transforms()
 *   .define('celsius', { kind: 'expression', text: 'x - 273.15' })
 *   .defineVariable('speed', ['u', 'v'], 'sqrt(u*u + v*v)');
 * await pool.object('t2m').demand({ transforms: transforms.chain('celsius') });
 * await pool.derive({ u: 'wind/u', v: 'wind/v' }, transforms.variable('speed'));
 * ```
 */
export class Transforms {
  readonly #chains = new Map<string, Chain>();
  readonly #variables = new Map<string, string>();

  /**
   * Errors: `bad-transform`, `bad-expression`; `bad-argument` for a name that is taken, or where
   * too many are defined.
   */
  define(name: string, chain: TransformSpec | Chain): this {
    this.#mustBeFree(name);
    const specs = Array.isArray(chain) ? (chain as Chain) : [chain as TransformSpec];
    if (specs.length > LIMITS.transformsMax) {
      refuseTransform(name, `${specs.length} transforms are more than ${LIMITS.transformsMax}`);
    }
    // What the caller does with its own objects and modules afterwards is not seen.
    const own = structuredClone(specs);
    for (const spec of own) check(spec);
    this.#chains.set(name, Object.freeze(own));
    return this;
  }

  /** What `derive` computes of inputs of these names. Errors: as of {@link define}. */
  defineVariable(name: string, inputs: readonly string[], expression: string): this {
    this.#mustBeFree(name);
    parseExpression(expression, inputs);
    this.#variables.set(name, expression);
    return this;
  }

  /** Those chains, one behind the other: for `transforms` and `encoding`. `bad-transform`: none. */
  chain(...names: readonly string[]): Chain {
    return names.flatMap((name) => this.#chains.get(name) ?? this.#unknown(name, this.#chains));
  }

  /** The expression of a derived variable. `bad-expression`: it is not defined. */
  variable(name: string): string {
    const expression = this.#variables.get(name);
    if (expression !== undefined) return expression;
    const hint = didYouMean(name, [...this.#variables.keys()]);
    throw new AttaccaError('bad-expression', `Cannot use "${name}": it is not defined.${hint}`);
  }

  /** All names, in the order in which they were defined. */
  get names(): readonly string[] {
    return [...this.#chains.keys(), ...this.#variables.keys()];
  }

  #mustBeFree(name: string): void {
    const refuse = (why: string): never => {
      throw new AttaccaError('bad-argument', `Cannot define the transform "${name}": ${why}`);
    };
    if (name === '') refuse('it has no name');
    if (this.#chains.has(name) || this.#variables.has(name)) refuse('there is one of that name');
    if (this.#chains.size + this.#variables.size >= LIMITS.definitionsMax) {
      refuse(`${LIMITS.definitionsMax} are defined already`);
    }
  }

  #unknown(name: string, known: ReadonlyMap<string, unknown>): never {
    const hint = didYouMean(name, [...known.keys()]);
    return refuseTransform(name, `it is not defined.${hint}`);
  }
}

/** What is wrong with a transform whatever it is given. */
function check(spec: TransformSpec): void {
  checkSpec(spec);
  if (spec.kind === 'expression') parseExpression(spec.text, ['x']);
  if (spec.kind === 'wasm') checkWasm(spec);
}
