import type { FlowKind } from './flow.js';

export async function flowKindOf(name: string): Promise<FlowKind> {
  switch (name) {
    case 'attacca':
      return (await import('./by-attacca.js')).byAttacca;
    case 'shm_files':
      return (await import('./by-file.js')).byFile;
    default:
      throw new RangeError(`Cannot let objects flow by "${name}"`);
  }
}
