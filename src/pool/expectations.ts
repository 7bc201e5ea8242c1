import type { AttaccaError, ErrorFields } from '../core/errors.js';
import { quoted } from '../core/selector/printer.js';
import { spaceFieldName, spaceFieldText, spaceMismatch } from '../core/space.js';
import { Float, type Value } from '../core/value.js';
import { failure } from './emit.js';
import { nameOfMember } from './looking.js';
import { memberOf, objectName } from './objects.js';
import { HANDLE, VERSION } from './rows.js';
import type { PoolState } from './state.js';
import { regionMismatch } from './wanted.js';

/**
 * What of a handle's expectation the version does not meet, as an error, or null. `act`: what the
 * handle wants to do.
 */
export function mismatchOf(
  pool: PoolState,
  handle: number,
  version: number,
  act: 'require' | 'offer a part of' | 'open' = 'require',
): AttaccaError | null {
  const error = expectationMismatch(pool, handle, version, act);
  return error ?? (act === 'require' ? regionMismatch(pool, handle, version) : null);
}

function expectationMismatch(
  pool: PoolState,
  handle: number,
  version: number,
  act: string,
): AttaccaError | null {
  const { handles, versions, spaces, attributes } = pool;
  const wanted = handles.get(handle, HANDLE.space);
  if (wanted !== 0) {
    const offered = versions.get(version, VERSION.space);
    const [expected, found] = [spaces.bytes(wanted), spaces.bytes(offered)];
    const field = spaceMismatch(expected, spaces.start(wanted), found, spaces.start(offered));
    if (field !== 0) return spaceError(pool, { handle, version, act }, field);
  }
  const key = attributes.mismatch(
    handles.get(handle, HANDLE.attributes),
    versions.get(version, VERSION.attributes),
  );
  return key === 0 ? null : attributeError(pool, { handle, version, act }, key);
}

interface Compared {
  readonly handle: number;
  readonly version: number;
  readonly act: string;
}

interface Parties {
  readonly [key: string]: string;
  readonly name: string;
  readonly consumer: string;
  readonly provider: string;
}

function partiesOf(pool: PoolState, handle: number, version: number): Parties {
  return {
    name: objectName(pool, pool.versions.get(version, VERSION.object)),
    consumer: memberOf(pool, handle).name,
    provider: nameOfMember(pool, pool.versions.get(version, VERSION.providerMember)),
  };
}

function mismatch(
  pool: PoolState,
  { handle, version, act }: Compared,
  what: string,
  fields: ErrorFields,
): AttaccaError {
  const parties = partiesOf(pool, handle, version);
  const { consumer, provider } = parties;
  // A name is free again when who had it has left.
  const isOther = memberOf(pool, handle).id !== pool.versions.get(version, VERSION.providerMember);
  const of = consumer === provider && isOther ? ', another program of that name,' : '';
  const why = `${consumer} expects another than ${provider}${of} offers`;
  const message = `Cannot ${act} "${parties.name}": ${what}: ${why}`;
  return failure('object-mismatch', message, { ...parties, ...fields });
}

const SHOWN_CHARACTERS_MAX = 40;

/** A value in a message: short, and null where nothing is said. */
function shown(value: Value): string {
  if (value === null) return 'not said';
  if (value instanceof Float) return String(value.value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return 'another value';
  const isLong = value.length > SHOWN_CHARACTERS_MAX;
  return quoted(isLong ? `${value.slice(0, SHOWN_CHARACTERS_MAX)}...` : value);
}

function spaceError(pool: PoolState, compared: Compared, field: number): AttaccaError {
  const { spaces } = pool;
  const { handle, version } = compared;
  const wanted = pool.handles.get(handle, HANDLE.space);
  const given = pool.versions.get(version, VERSION.space);
  const name = spaceFieldName(field);
  const expected = spaceFieldText(spaces.bytes(wanted), spaces.start(wanted), field);
  const offered = spaceFieldText(spaces.bytes(given), spaces.start(given), field);
  const fields = { field: name, expected, offered };
  return mismatch(pool, compared, `${name} is ${offered}, not ${expected}`, fields);
}

function attributeError(pool: PoolState, compared: Compared, key: number): AttaccaError {
  const { attributes } = pool;
  const { handle, version } = compared;
  const field = pool.keys.name(key);
  const expected = attributes.value(pool.handles.get(handle, HANDLE.attributes), key) ?? null;
  const offered = attributes.value(pool.versions.get(version, VERSION.attributes), key) ?? null;
  const what = `the attribute ${field} is ${shown(offered)}, not ${shown(expected)}`;
  return mismatch(pool, compared, what, { field, expected, offered });
}
