import type { TransportKind } from './transport.js';

/** The ways between two Node processes; each is loaded by who uses it only. */
export async function transportOf(name: string): Promise<TransportKind> {
  switch (name) {
    case 'attacca':
      return (await import('./by-attacca.js')).byAttacca;
    case 'pipe':
      return (await import('./by-pipe.js')).byPipe;
    case 'unix_socket':
      return (await import('./by-socket.js')).bySocket;
    case 'shm_file':
      return (await import('./by-file.js')).byFile;
    default:
      throw new RangeError(`Cannot hand over by "${name}"`);
  }
}
