import { parseSelector } from '../../core/selector/parser.js';
import { isEqualValue } from '../../core/value-order.js';
import { defineNamed } from '../defining.js';
import type { WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import {
  type CubeDefinition,
  type CubeOptions,
  lookFor,
  mustBeOf,
  toldCube,
} from './definition.js';
import { CubeState } from './state.js';

/**
 * Defines a cube, or defines it anew, once its objects were seen to fit: what is refused leaves
 * nothing behind. Nothing is sent when it is defined so already. `cube-misfit`; `bad-argument`
 * where something else has its name, as a cube of other objects, unless it is to `replace` that.
 */
export async function defineCube(
  seat: Seat,
  name: string,
  selector: string,
  axes: readonly string[],
  {
    replace = false,
    timeoutMs,
    signal,
    ...options
  }: CubeOptions & WaitOptions & { readonly replace?: boolean | undefined },
): Promise<CubeDefinition> {
  const { definition, parsed } = toldCube(name, selector, axes, options);
  parseSelector(selector);
  const known = await lookFor(seat.client, name);
  if (known !== null && !replace) mustBeOf(name, known.definition, selector, axes);
  if (known !== null && isEqualValue(known.definition, definition)) return parsed;
  await new CubeState(seat, parsed, { isDefined: false }).refresh({ timeoutMs, signal });
  await defineNamed(seat.client, 'collection', name, definition);
  return parsed;
}
