import { AttaccaError } from '../core/errors.js';
import { type Space, spaceBytes } from '../core/space.js';
import type { Block } from '../transforms/chain.js';
import type { Step } from '../transforms/steps.js';
import type { Threads } from './threads.js';

/** One step of a chain, over all that the ones before have made. */
export async function stepped(threads: Threads, step: Step, block: Block): Promise<Block> {
  const { spec, after, how } = step;
  if (how === 'renamed') return { bytes: block.bytes, space: after as Space };
  if (spec.kind === 'wasm') {
    const space = after as Space;
    const bytes = await threads.runAlone(spec, block.bytes);
    if (bytes.length === spaceBytes(space)) return { bytes, space };
    const why = `it gave ${bytes.length} bytes, its space has ${spaceBytes(space)}`;
    throw new AttaccaError('transform-failed', `Cannot run the transform "wasm": ${why}`);
  }
  // Codecs take long whatever the size, and their libraries are loaded in threads alone.
  const isCodec = spec.kind === 'compress' || spec.kind === 'decompress';
  const size = isCodec ? Number.POSITIVE_INFINITY : block.bytes.length;
  const result = await threads.run(size, (memoryOf) => ({
    kind: 'chain',
    space: block.space,
    source: memoryOf(block.bytes),
    specs: [spec],
  }));
  return result as Block;
}
