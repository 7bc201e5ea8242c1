import type { OwnKey, Span } from '../../catalog/compile.js';
import { keysOf, type Selector } from '../../core/selector/ast.js';
import { refuseSelector } from '../../core/selector/failure.js';
import { itemSizeOf, type SpaceExpectation, spaceAt } from '../../core/space.js';
import { nearest } from '../../core/suggest.js';
import { decodeUtf8 } from '../../core/utf8.js';
import { Timestamp, type Value } from '../../core/value.js';
import { EVENT_NAMES } from '../../protocol/index.js';
import { isNameKey, isOwnKey, isToldKey, OWN_KEYS } from '../own-keys.js';
import type { PoolState } from '../state.js';
import { isFoundKey } from '../unknown-keys.js';
import { ROW } from './event-log.js';
import { kindAt, numberAt, type Place, spaceRowAt, textAt, timeAt } from './places.js';

/** What an event tells of itself. */
type Told = (pool: PoolState, place: Place) => Value | undefined;

const TOLD: { readonly [key: string]: Told } = {
  '.event': (pool, place) => {
    const topic = textOf(pool, place, ROW.topic);
    return topic === '' ? EVENT_NAMES[kindAt(pool, place) & 0xff] : topic;
  },
  '.member': (pool, place) => textOf(pool, place, ROW.who),
  '.component': (pool, place) => textOf(pool, place, ROW.who).replace(/\[\d+\]$/u, ''),
  '.version': (pool, place) => numberAt(pool, place) || undefined,
  '.time': (pool, place) => new Timestamp(BigInt(Math.trunc(timeAt(pool, place))) * 1_000_000n),
  '.dtype': (pool, place) => spaceOf(pool, place).dtype,
  '.shape': (pool, place) => spaceOf(pool, place).shape?.map((size) => size ?? null),
  '.ndim': (pool, place) => spaceOf(pool, place).shape?.length,
  '.order': (pool, place) => spaceOf(pool, place).order,
  '.byteOrder': (pool, place) => spaceOf(pool, place).byteOrder,
  '.bytes': (pool, place) => bytesOf(spaceOf(pool, place)),
};

/** The keys by which an event tells of itself. */
const EVENT_KEYS: readonly string[] = Object.keys(TOLD);

/**
 * How a key is answered for an event; null for an attribute. Of what the pool tells of objects an
 * event has only what it was when it happened: other keys are refused with `bad-selector`.
 */
export function eventKeyOf(pool: PoolState, key: string): OwnKey | null {
  if (isNameKey(key)) {
    return {
      kind: 'name',
      find: () => 0,
      mayHold: () => true,
      read: (place, into) => textAt(pool, place, ROW.name, into),
    };
  }
  const told = TOLD[key];
  if (told !== undefined) return { kind: 'told', of: (place) => told(pool, place) };
  if (isStatisticsKey(key)) {
    const why = 'an offer is measured after it, and is told with that to who is told before it';
    refuseSelector(`"${key}" is not known of an event: ${why}`, 0);
  }
  if (isToldKey(key)) {
    refuseSelector(`"${key}" is of objects: an event tells ${EVENT_KEYS.join(', ')}`, 0);
  }
  return null;
}

/**
 * Refuses a selector with a key that is nearly one of the pool's own, and that no object has: a
 * contract that never holds anything would seem to be in force. `text`: as it was given.
 */
export function checkMistyped(pool: PoolState, selector: Selector, text: string): void {
  for (const key of keysOf(selector)) {
    if (key.kind !== 'name' || !isOfPool(key.name)) continue;
    const { name } = key;
    if (name in TOLD || isOwnKey(name) || isFoundKey(pool, name)) continue;
    const [meant] = nearest(name, [...EVENT_KEYS, ...OWN_KEYS].filter(isOfPool));
    if (meant === undefined) continue;
    const position = Array.from(text.slice(0, Math.max(0, text.indexOf(name)))).length;
    refuseSelector(`nobody knows "${name}": did you mean "${meant}"?`, position);
  }
}

function isOfPool(key: string): boolean {
  return key.startsWith('.') || key.startsWith('stats.');
}

/** Whether a key is of the elements of an object: what is measured of them. */
export function isStatisticsKey(key: string): boolean {
  return key.startsWith('stats.') && isToldKey(key);
}

/** A text of an event. */
export function textOf(
  pool: PoolState,
  place: Place,
  field: typeof ROW.who | typeof ROW.name | typeof ROW.topic,
): string {
  const span: Span = { bytes: NOTHING, start: 0, end: 0 };
  textAt(pool, place, field, span);
  return decodeUtf8(span.bytes, span.start, span.end);
}

const NOTHING = new Uint8Array(0);

function spaceOf(pool: PoolState, place: Place): SpaceExpectation {
  const row = spaceRowAt(pool, place);
  return spaceAt(pool.spaces.bytes(row), pool.spaces.start(row));
}

function bytesOf({ dtype, shape }: SpaceExpectation): number | undefined {
  if (dtype === undefined || shape === undefined) return undefined;
  let count = 1;
  for (const size of shape) {
    if (size === null) return undefined;
    count *= size;
  }
  return count * itemSizeOf(dtype);
}
