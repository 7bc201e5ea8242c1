import { AttaccaError } from '../../core/errors.js';
import { convertElements, isConvertible } from '../../core/regions/cast.js';
import { type Dtype, isNumeric, itemSizeOf } from '../../core/space.js';

/** The bytes of an element that stands for none. */
export function fillBytes(
  cube: string,
  dtype: Dtype,
  fill: number | bigint | undefined,
): Uint8Array {
  const isReal = dtype.startsWith('float');
  const value = fill ?? (isReal || dtype.startsWith('complex') ? Number.NaN : null);
  const cannot = (why: string): AttaccaError =>
    new AttaccaError('bad-argument', `Cannot fill holes of the cube "${cube}": ${why}`);
  if (value === null) throw cannot(`say with what ("fill"), as ${dtype} has no NaN`);
  const isBig = typeof value === 'bigint';
  const from: Dtype = isBig ? 'int64' : 'float64';
  if (!isNumeric(dtype) || !isConvertible(from, dtype)) throw cannot(`${dtype} is no number`);
  const one = isBig ? BigInt64Array.of(value) : Float64Array.of(value);
  const source = { bytes: new Uint8Array(one.buffer), dtype: from, byteOrder: 'little' } as const;
  const bytes = new Uint8Array(itemSizeOf(dtype));
  convertElements(source, { bytes, dtype, byteOrder: 'little' });
  if (isReal || dtype.startsWith('complex')) return bytes;
  const back = new Uint8Array(8);
  convertElements(
    { bytes, dtype, byteOrder: 'little' },
    { bytes: back, dtype: from, byteOrder: 'little' },
  );
  if (!back.every((byte, at) => byte === source.bytes[at])) {
    throw cannot(`${dtype} has no ${value}`);
  }
  return bytes;
}

/** Puts an element over and over into bytes that are a whole number of it. */
export function fillWith(target: Uint8Array, element: Uint8Array): void {
  if (target.length === 0) return;
  target.set(element);
  for (let done = element.length; done < target.length; done *= 2) {
    target.copyWithin(done, 0, Math.min(done, target.length - done));
  }
}
