import { completeSpaceOf, type Space, type SpaceExpectation } from '../core/space.js';
import { type Block, inverseOfChain, planChain } from './chain.js';
import type { TransformSpec } from './spec.js';
import type { Step } from './steps.js';

/** What is said of a payload that is encoded: the elements that went in, and what was run. */
export interface Encoding {
  readonly space: Space;
  readonly chain: readonly TransformSpec[];
}

/** An encoding as objects carry it: JSON. Throws where it is damaged. */
export function readEncoding(text: string): Encoding {
  const { space, chain } = JSON.parse(text) as {
    readonly space: SpaceExpectation;
    readonly chain: readonly TransformSpec[];
  };
  const complete = completeSpaceOf(space);
  if (complete === null || !Array.isArray(chain)) throw new Error('it is not complete');
  planChain(chain, complete);
  return { space: complete, chain };
}

/** Decodes a payload, a step at a time: the elements that went in, or as near as may be. */
export async function decodeBlock(
  { space, chain }: Encoding,
  bytes: Uint8Array,
  run: (step: Step, block: Block) => Promise<Block>,
): Promise<Block> {
  const { steps } = planChain(chain, space);
  const inverse = inverseOfChain(steps) ?? [];
  let block: Block = {
    bytes,
    // What the last of the chain gave; of compressed bytes it is only said that they are bytes.
    space: steps.at(-1)?.after ?? {
      dtype: 'uint8',
      shape: [bytes.length],
      order: 'row',
      byteOrder: 'little',
    },
  };
  for (const spec of inverse) {
    const [step] = planChain([spec], block.space).steps;
    if (step !== undefined) block = await run(step, block);
  }
  return block;
}
