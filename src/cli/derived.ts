import { type DeriveOptions, derive } from '../client/deriving.js';
import type { Seat } from '../client/seat.js';
import { UsageError } from './exit.js';
import type { Writable } from './pool/sink.js';

const VARIABLE = /^[A-Za-z_][A-Za-z_0-9]*$/u;

/**
 * Which object each variable of an expression is: `VARIABLE=NAME`, or a name that is a variable
 * itself. A name may have `=` in it: only what stands before the first can be a variable.
 */
export function variablesOf(words: readonly string[]): { readonly [variable: string]: string } {
  const variables = new Map<string, string>();
  for (const word of words) {
    const cut = word.indexOf('=');
    const variable = cut < 0 ? word : word.slice(0, cut);
    if (!VARIABLE.test(variable)) {
      throw new UsageError(`"${word}" is no variable: with --expr say VARIABLE=NAME`);
    }
    if (variables.has(variable)) throw new UsageError(`"${variable}" is two objects`);
    variables.set(variable, cut < 0 ? word : word.slice(cut + 1));
  }
  return Object.fromEntries(variables);
}

/** What an expression makes of objects, to be written. */
export async function derivedOf(
  seat: Seat,
  expression: string,
  variables: { readonly [variable: string]: string },
  options: DeriveOptions,
): Promise<Writable & { readonly size: number; release(): Promise<void> }> {
  const made = await derive(seat, variables, expression, options);
  const { space, size } = made;
  return {
    space,
    size,
    async *chunks() {
      yield made.bytes;
    },
    release: () => made.dispose(),
  };
}
