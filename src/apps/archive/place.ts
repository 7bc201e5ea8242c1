import { ENCODING_KEY } from '../../client/encoding.js';
import type { Delivered, ValueMap } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { Timestamp } from '../../core/value.js';
import type { Level, LevelEntry, LevelKey } from '../../levels/level.js';
import { toJson } from '../json.js';

/** Tags of an object that is in a store, for who looks at the pool. */
export const ARCHIVE = {
  /** The directory of the store. */
  path: 'archive.path',
  /** The version that it has there. */
  version: 'archive.version',
  /** When it was stored; objects in a store have it, too. */
  at: 'archive.at',
} as const;

/** Not of the object as it is stored: where it is, and how the pool had its bytes. */
const UNSTORED: ReadonlySet<string> = new Set([...Object.values(ARCHIVE), ENCODING_KEY]);

/** The attributes and tags that are stored. */
export function storedAttributes(attributes: ValueMap): ValueMap {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !UNSTORED.has(key)));
}

/**
 * The version by which an object is to be stored: its own, or, as the versions of a name that was
 * forgotten begin anew, the next one of the store. `wasThere`: the store has it so, as it is.
 */
export async function placeFor(
  store: Level,
  pool: string,
  view: Delivered,
): Promise<{ readonly version: number; readonly wasThere: boolean }> {
  const { name, version } = view;
  const newest = await store.newest(pool, name);
  if (newest === null || version > newest) return { version, wasThere: false };
  for (const known of new Set([version, newest])) {
    const found = await compare(store, { pool, name, version: known }, view);
    // One that is damaged is written anew.
    if (found !== 'other') return { version: known, wasThere: found === 'same' };
  }
  return { version: newest + 1, wasThere: false };
}

const UNREADABLE: ReadonlySet<string> = new Set(['store-damaged', 'store-short']);

async function compare(
  store: Level,
  key: LevelKey,
  view: Delivered,
): Promise<'same' | 'other' | 'damaged'> {
  try {
    const found = await store.stream(key);
    if (
      found === null ||
      textOf(found.entry) !== textOf({ attributes: view.attributes, space: view.whole })
    ) {
      return 'other';
    }
    const bytes = view.unsafeBytes();
    let at = 0;
    let isSame = true;
    for await (const block of found.blocks) {
      // All of it is read: what is damaged behind a difference is damaged.
      isSame &&= Buffer.compare(block, bytes.subarray(at, at + block.length)) === 0;
      at += block.length;
    }
    return isSame ? 'same' : 'other';
  } catch (error) {
    if (!(error instanceof AttaccaError && UNREADABLE.has(error.code))) throw error;
    return 'damaged';
  }
}

/** All that is stored of an object besides its bytes. */
function textOf({ space, attributes }: Pick<LevelEntry, 'space' | 'attributes'>): string {
  const { dtype, shape, order, byteOrder } = space;
  const said = Object.entries(storedAttributes(attributes))
    .map(([key, value]) => [key, toJson(value)] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([dtype, shape, order, byteOrder, said]);
}

/** When an object of a store was put there, in ns since 1970; 0: not by an archiver. */
export function storedAt({ attributes }: LevelEntry): bigint {
  const at = attributes[ARCHIVE.at];
  return at instanceof Timestamp ? at.nanoseconds : 0n;
}
