import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';

/** Where files are memory: /dev/shm, or the temporary directory of a system without one. */
export function memoryRoot(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}
