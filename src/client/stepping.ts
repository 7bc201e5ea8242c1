import { AttaccaError } from '../core/errors.js';
import { itemSizeOf, type Space, spaceBytes } from '../core/space.js';
import type { Block } from '../transforms/chain.js';
import { costOf } from '../transforms/cost.js';
import type { Step } from '../transforms/steps.js';
import type { Threads } from './threads.js';

/** One step of a chain, over all that the ones before have made; none once nobody wants it. */
export async function stepped(
  threads: Threads,
  step: Step,
  block: Block,
  signal?: AbortSignal,
): Promise<Block> {
  const { spec, after, how } = step;
  if (how === 'renamed') return { bytes: block.bytes, space: after as Space };
  if (spec.kind === 'wasm') {
    const space = after as Space;
    const bytes = await threads.runAlone(spec, block.bytes, signal);
    if (bytes.length === spaceBytes(space)) return { bytes, space };
    const why = `it gave ${bytes.length} bytes, its space has ${spaceBytes(space)}`;
    throw new AttaccaError('transform-failed', `Cannot run the transform "wasm": ${why}`);
  }
  // Codecs take long whatever the size, and their libraries are loaded in threads alone.
  const isCodec = spec.kind === 'compress' || spec.kind === 'decompress';
  const cost = isCodec
    ? Number.POSITIVE_INFINITY
    : costOf([spec], block.bytes.length / itemSizeOf(block.space.dtype));
  const result = await threads.run(
    block.bytes.length + cost,
    (memoryOf) => ({
      kind: 'chain',
      space: block.space,
      source: memoryOf(block.bytes),
      specs: [spec],
    }),
    signal,
  );
  return result as Block;
}
