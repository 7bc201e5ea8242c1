import { createServer, type Server, type Socket } from 'node:net';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import { type Address, formatAddress } from './address.js';
import { type Link, SocketLink } from './link.js';
import { checkSocketPath } from './socket-path.js';

export interface Listener {
  /** Where it listens; with the port that the system chose if 0 was asked for. */
  readonly address: Address;
  /** Takes no new links; those that are open stay. Idempotent. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly onLink: (link: Link) => void;
  /** Links beyond so many are closed as they come. */
  readonly linksMax: number;
}

function cannotListen(address: Address, cause: Error): AttaccaError {
  const text = formatAddress(address);
  const system = systemCode(cause);
  return new AttaccaError(
    system === 'EADDRINUSE' ? 'name-in-use' : 'file-error',
    `Cannot listen on "${text}": ${whyFailed(cause)}`,
    { address: text, system },
    { cause },
  );
}

function boundAddress(server: Server, asked: Address): Address {
  const bound = server.address();
  if (asked.kind === 'unix' || bound === null || typeof bound === 'string') return asked;
  return { ...asked, port: bound.port };
}

function peerOf(socket: Socket, asked: Address): string {
  if (asked.kind === 'unix') return formatAddress(asked);
  return formatAddress({
    kind: 'tcp',
    host: socket.remoteAddress ?? '?',
    port: socket.remotePort ?? 0,
  });
}

/**
 * Listens on an address. A Unix socket must not exist yet. Errors: `name-in-use` (EADDRINUSE),
 * `file-error` for what else the system says, `bad-argument` for a path that is too long.
 */
export async function listen(address: Address, options: ListenOptions): Promise<Listener> {
  if (address.kind === 'unix') checkSocketPath(address.path);
  const server = createServer({ pauseOnConnect: false }, (socket) => {
    options.onLink(new SocketLink(socket, address.kind, peerOf(socket, address)));
  });
  server.maxConnections = options.linksMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(address, error)));
    server.once('listening', resolve);
    if (address.kind === 'unix') server.listen({ path: address.path, backlog: 1_024 });
    else server.listen({ host: address.host, port: address.port, backlog: 1_024 });
  });
  server.on('error', () => {
    // Accepting failed (EMFILE): the peer sees a closed connection, the listener goes on.
  });
  let closing: Promise<void> | null = null;
  return {
    address: boundAddress(server, address),
    close() {
      closing ??= new Promise((resolve) => {
        // Resolves at once, not when the open links have ended: they are their owner's.
        server.close();
        resolve();
      });
      return closing;
    },
  };
}
