/** Who takes part, and how each is started. */
import { join } from 'node:path';
import { PRODUCT, type Stage } from '../harness/benchmark.js';
import { startPool } from '../product/start-pool.js';
import { commandAbsent, nodePackageAbsent, pythonAbsent } from '../rivals/installed.js';
import { postgresAbsent, startPostgres } from '../rivals/postgres.js';
import { startRedis } from '../rivals/redis.js';

export interface Side {
  readonly name: string;
  readonly absent: string | null;
  /** Of the process that asks it. */
  readonly language: 'node' | 'python';
  /** With more, it takes longer than anyone waits. */
  readonly objectsMax: number;
  /** Whether it can have each answer wait for the disk. */
  readonly canSync: boolean;
  /** Starts what serves it. Returns where it is. */
  start(stage: Stage, how: { readonly isKept: boolean }): Promise<string>;
}

const FILES_OBJECTS_MAX = 100_000;
const NO_LIMIT = Number.POSITIVE_INFINITY;

export function sides(): Side[] {
  const postgres = {
    absent: postgresAbsent(),
    language: 'node',
    objectsMax: NO_LIMIT,
    canSync: true,
    start: startPostgres,
  } as const;
  return [
    {
      name: PRODUCT,
      absent: null,
      language: 'node',
      objectsMax: NO_LIMIT,
      canSync: true,
      async start(stage, { isKept }) {
        const data = join(stage.diskDirectory, 'data');
        const words = isKept ? ['--data', data, '--sync', 'always'] : [];
        return (await startPool(stage, words)).address;
      },
    },
    { name: 'postgresql_jsonb', ...postgres },
    { name: 'postgresql_columns', ...postgres },
    {
      name: 'sqlite',
      absent: pythonAbsent('sqlite3'),
      language: 'python',
      objectsMax: NO_LIMIT,
      canSync: true,
      start: async (stage, { isKept }) =>
        join(isKept ? stage.diskDirectory : stage.memoryDirectory, 'metadata.sqlite'),
    },
    {
      name: 'redis',
      absent: commandAbsent('redis-server') ?? nodePackageAbsent('redis'),
      language: 'node',
      objectsMax: NO_LIMIT,
      canSync: true,
      start: async (stage, { isKept }) =>
        await startRedis(stage, isKept ? ['--appendonly', 'yes', '--appendfsync', 'always'] : []),
    },
    {
      name: 'files',
      absent: pythonAbsent('numpy'),
      language: 'python',
      objectsMax: FILES_OBJECTS_MAX,
      canSync: false,
      start: async (stage) => join(stage.memoryDirectory, 'files'),
    },
  ];
}
