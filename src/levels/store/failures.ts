import { AttaccaError } from '../../core/errors.js';
import type { LevelKey } from '../level.js';

/** The bytes of an object are not those that were put. */
export function damaged(key: LevelKey, path: string, offset: number, why: string): AttaccaError {
  const { name, version } = key;
  const where = `${why}, in ${path} from byte ${offset} on`;
  const text = `Cannot read version ${version} of "${name}" from the store: ${where}`;
  return new AttaccaError('store-damaged', text, { name, version, path, offset });
}

/** A file of the store ends before the object does. */
export function short(key: LevelKey, path: string, has: number, wants: number): AttaccaError {
  const { name, version } = key;
  const why = `${path} ends after ${has} of ${wants} bytes`;
  const text = `Cannot read version ${version} of "${name}" from the store: ${why}`;
  return new AttaccaError('store-short', text, { name, version, path, has, wants });
}

export function sizeMismatch(name: string, spaceBytes: number, payloadBytes: number): AttaccaError {
  const why = `its space holds ${spaceBytes} bytes, the payload has ${payloadBytes} or more`;
  const text = `Cannot store "${name}": ${why}`;
  return new AttaccaError('size-mismatch', text, { name, spaceBytes, payloadBytes });
}

export function isDiskFull(error: unknown): boolean {
  return error instanceof AttaccaError && error.code === 'disk-full';
}
