import type { AttaccaError, ErrorFields } from '../core/errors.js';
import { spaceFieldName, spaceFieldText, spaceMismatch } from '../core/space.js';
import { failure } from './emit.js';
import { nameOfMember } from './looking.js';
import { memberOf, objectName } from './objects.js';
import { HANDLE, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** What of a consumer's expectation the version does not meet, as an error, or null. */
export function mismatchOf(pool: PoolState, handle: number, version: number): AttaccaError | null {
  const { handles, versions, spaces, attributes } = pool;
  const wanted = handles.get(handle, HANDLE.space);
  if (wanted !== 0) {
    const offered = versions.get(version, VERSION.space);
    const [expected, found] = [spaces.bytes(wanted), spaces.bytes(offered)];
    const field = spaceMismatch(expected, spaces.start(wanted), found, spaces.start(offered));
    if (field !== 0) return spaceError(pool, handle, version, field);
  }
  const key = attributes.mismatch(
    handles.get(handle, HANDLE.attributes),
    versions.get(version, VERSION.attributes),
  );
  return key === 0 ? null : attributeError(pool, handle, version, key);
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

function mismatch(parties: Parties, what: string, fields: ErrorFields): AttaccaError {
  const why = `${parties.consumer} expects another than ${parties.provider} offers`;
  const message = `Cannot require "${parties.name}": ${what}: ${why}`;
  return failure('object-mismatch', message, { ...parties, ...fields });
}

function spaceError(pool: PoolState, handle: number, version: number, field: number): AttaccaError {
  const { spaces } = pool;
  const wanted = pool.handles.get(handle, HANDLE.space);
  const given = pool.versions.get(version, VERSION.space);
  const name = spaceFieldName(field);
  const expected = spaceFieldText(spaces.bytes(wanted), spaces.start(wanted), field);
  const offered = spaceFieldText(spaces.bytes(given), spaces.start(given), field);
  const fields = { field: name, expected, offered };
  const parties = partiesOf(pool, handle, version);
  return mismatch(parties, `${name} is ${offered}, not ${expected}`, fields);
}

function attributeError(
  pool: PoolState,
  handle: number,
  version: number,
  key: number,
): AttaccaError {
  const { attributes } = pool;
  const field = pool.keys.name(key);
  const fields = {
    field,
    expected: attributes.value(pool.handles.get(handle, HANDLE.attributes), key) ?? null,
    offered: attributes.value(pool.versions.get(version, VERSION.attributes), key) ?? null,
  };
  return mismatch(partiesOf(pool, handle, version), `the attribute ${field} differs`, fields);
}
