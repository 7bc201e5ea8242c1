import { OBJECT, VERSION } from '../../src/pool/rows.js';
import type { PoolState } from '../../src/pool/state.js';

/** What a pool's structures say they take, in bytes an object. */
export type Account = {
  /** Records of attributes: what is not counted as the pool's own. */
  readonly attributes: number;
  readonly names: number;
  readonly tables: number;
  readonly directory: number;
  readonly handleNumbers: number;
  /** All of them. */
  readonly all: number;
};

/** Objects that are looked at for the size of their records. */
const SAMPLE = 10_000;

/** The account of a pool all of whose objects are offered and alike. */
export function accountOf(pool: PoolState): Account {
  const { arena, objects, handles, versions, directory } = pool;
  const objectCount = objects.used;
  const sample = Math.min(SAMPLE, objectCount);
  let attributes = 0;
  for (let row = 1; row <= sample; row++) {
    const version = objects.get(row, OBJECT.current);
    attributes += arena.bytesOf(versions.get(version, VERSION.attributes)) / sample;
  }
  const names = arena.bytesUsed / objectCount - attributes;
  const tables = (objects.bytesUsed + handles.bytesUsed + versions.bytesUsed) / objectCount;
  let handleNumbers = 0;
  for (const session of pool.sessions.values()) {
    handleNumbers += session.handles.bytesUsed / objectCount;
  }
  const inDirectory = directory.bytesUsed / objectCount;
  return {
    attributes,
    names,
    tables,
    directory: inDirectory,
    handleNumbers,
    all: attributes + names + tables + inDirectory + handleNumbers,
  };
}
