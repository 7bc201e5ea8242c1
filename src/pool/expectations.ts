import type { AttaccaError } from '../core/errors.js';
import { spaceFieldName, spaceFieldText, spaceMismatch } from '../core/space.js';
import { failure } from './emit.js';
import { memberOf, objectName } from './objects.js';
import { HANDLE, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** What of a consumer's expectation the version does not meet, as an error, or null. */
export function mismatchOf(pool: PoolState, handle: number, version: number): AttaccaError | null {
  const { handles, versions, spaces, attributes } = pool;
  const expectedRow = handles.get(handle, HANDLE.space);
  const expected = spaces.view(expectedRow);
  const offered = spaces.view(versions.get(version, VERSION.space));
  const name = objectName(pool, versions.get(version, VERSION.object));
  const provider = versions.get(version, VERSION.providerMember);
  const fields = {
    name,
    consumer: memberOf(pool, handle).name,
    provider: pool.members.get(provider)?.name ?? pool.departed.get(provider)?.name ?? '',
  };
  const why = `${fields.consumer} expects another than ${fields.provider} offers`;
  const field = expectedRow === 0 ? 0 : spaceMismatch(expected, 0, offered, 0);
  if (field !== 0) {
    const what = spaceFieldName(field);
    const wanted = spaceFieldText(expected, 0, field);
    const found = spaceFieldText(offered, 0, field);
    return failure(
      'object-mismatch',
      `Cannot require "${name}": ${what} is ${found}, not ${wanted}: ${why}`,
      { ...fields, field: what, expected: wanted, offered: found },
    );
  }
  const wanted = handles.get(handle, HANDLE.attributes);
  const found = versions.get(version, VERSION.attributes);
  const key = attributes.mismatch(wanted, found);
  if (key === 0) return null;
  return failure(
    'object-mismatch',
    `Cannot require "${name}": the attribute ${pool.keys.name(key)} differs: ${why}`,
    {
      ...fields,
      field: pool.keys.name(key),
      expected: attributes.value(wanted, key) ?? null,
      offered: attributes.value(found, key) ?? null,
    },
  );
}
