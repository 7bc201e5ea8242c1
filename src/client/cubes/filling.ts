import { AttaccaError } from '../../core/errors.js';
import { elementOf } from '../../core/regions/element.js';
import { type Dtype, isNumeric } from '../../core/space.js';

/**
 * The bytes of an element that stands for none. `bad-argument`: of what is no number, there is
 * none; and of a value that the type has not.
 */
export function fillBytes(
  cube: string,
  dtype: Dtype,
  fill: number | bigint | undefined,
): Uint8Array {
  const cannot = (why: string): AttaccaError =>
    new AttaccaError('bad-argument', `Cannot fill holes of the cube "${cube}": ${why}`);
  if (!isNumeric(dtype)) throw cannot(`${dtype} is no number; wait for them, or pick others`);
  const isWhole = dtype === 'bool' || dtype.includes('int');
  const value = fill ?? (isWhole ? null : Number.NaN);
  if (value === null) throw cannot(`say with what ("fill"), as ${dtype} has no NaN`);
  const bytes = elementOf(dtype, value);
  if (bytes === null) throw cannot(`${dtype} has no ${value}`);
  return bytes;
}
