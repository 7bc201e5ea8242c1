import { AttaccaError } from '../core/errors.js';
import type { Client } from './client.js';

/** So often is stored anew what went with a pool's memory: each time another manager was killed. */
export const STORE_ATTEMPTS_MAX = 8;

/**
 * Whether memory that this session leased, or was to read, has gone with a manager: the next one
 * knows of no such lease. Without another manager it is a fault of ours.
 */
export function isMemoryLost(client: Client, error: unknown): error is AttaccaError {
  return error instanceof AttaccaError && error.code === 'bad-lease' && client.plane.hasResumed;
}

/** Nobody has the bytes any more, but for whoever wrote them: the same may be done again. */
export function bytesLost(name: string, cause: AttaccaError): AttaccaError {
  const text =
    `Cannot offer "${name}": the memory that its bytes were in is gone, as the pool was started ` +
    'again without it; write them anew';
  return Object.assign(new AttaccaError('object-lost', text, { name }, { cause }), {
    retryable: true,
  });
}

/** Whether an offer has failed so. */
export function isBytesLost(error: unknown): error is AttaccaError {
  return error instanceof AttaccaError && error.code === 'object-lost' && error.retryable;
}

/** What was delivered is not there to be read. */
export function versionLost(name: string, version: number, cause: AttaccaError): AttaccaError {
  const text =
    `Cannot demand "${name}": version ${version} was lost before it was read, as the pool was ` +
    'started again without its memory';
  return new AttaccaError('object-lost', text, { name, version }, { cause });
}
