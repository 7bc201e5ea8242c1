import { AttaccaError } from '../core/errors.js';
import { formatSeconds } from '../core/format-seconds.js';
import { type Address, formatAddress } from './address.js';
import { LINK_LIMITS } from './limits.js';
import { type Link, SocketLink } from './link.js';
import { PatientSocket } from './patient-socket.js';
import { checkSocketPath } from './socket-path.js';

interface ConnectOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

function unreachable(address: Address, why: string, cause?: unknown): AttaccaError {
  const text = formatAddress(address);
  const system = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const fields = system === '' ? { address: text } : { address: text, system };
  return new AttaccaError(
    'pool-unreachable',
    `Cannot reach the pool at "${text}": ${why}`,
    fields,
    {
      cause,
    },
  );
}

function explain(error: Error & { code?: string }): string {
  if (error.code === 'ENOENT') return 'there is no such socket; has the pool been started?';
  if (error.code === 'ECONNREFUSED') return 'nobody listens there; has the pool been started?';
  return error.message;
}

/**
 * Connects to an address. Errors: `pool-unreachable` (nobody there, no answer in time; field
 * `system` is what the system said), `aborted`, `bad-argument` (a socket's path that is too long).
 */
export function connect(address: Address, options: ConnectOptions = {}): Promise<Link> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (address.kind === 'unix') checkSocketPath(address.path);
    const socket = new PatientSocket();
    if (address.kind === 'unix') socket.connect({ path: address.path });
    else socket.connect({ host: address.host, port: address.port });
    const fail = (error: AttaccaError): void => {
      done();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const timeoutMs = options.timeoutMs ?? LINK_LIMITS.connectMsMax;
    const timer = setTimeout(() => {
      fail(unreachable(address, `no answer within ${formatSeconds(timeoutMs)}`));
    }, timeoutMs);
    const onAbort = (): void => {
      const cause: unknown = signal?.reason;
      const text = formatAddress(address);
      fail(new AttaccaError('aborted', `Cannot reach "${text}": aborted`, {}, { cause }));
    };
    const onError = (error: Error): void => fail(unreachable(address, explain(error), error));
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
    };
    socket.on('error', onError);
    socket.once('connect', () => {
      done();
      resolve(new SocketLink(socket, address.kind, formatAddress(address)));
    });
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
