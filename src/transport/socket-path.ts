import { AttaccaError } from '../core/errors.js';
import { LINK_LIMITS } from './limits.js';

/** macOS has four bytes less. */
const SOCKET_PATH_BYTES_MAX =
  process.platform === 'darwin'
    ? LINK_LIMITS.socketPathBytesMax - 4
    : LINK_LIMITS.socketPathBytesMax;

export function socketPathFits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;
}

/** Refuses a path that the kernel would cut silently or with a riddle. */
export function checkSocketPath(path: string): void {
  if (socketPathFits(path)) return;
  throw new AttaccaError(
    'bad-argument',
    `Cannot use the socket "${path}": its path has ${Buffer.byteLength(path)} bytes, ` +
      `the system allows ${SOCKET_PATH_BYTES_MAX}; choose a shorter directory or name`,
    { path, bytesMax: SOCKET_PATH_BYTES_MAX },
  );
}
