import { UsageError } from '../exit.js';

export const STORE_OPTION = {
  store: {
    type: 'string',
    value: 'DIR',
    help: 'of the store in DIR, not of a pool: no server is needed (docs/storage.md)',
  },
} as const;

/** What `--durability` says of a store. */
export function durabilityOf(said: string | undefined): 'memory' | 'fsync' | undefined {
  if (said === undefined || said === 'memory' || said === 'fsync') return said;
  throw new UsageError(`--durability is fsync or memory, not "${said}"`);
}
