import type { Link } from '../transport/index.js';
import type { ControlConnection } from './control-connection.js';
import { SERVER_LIMITS } from './limits.js';

/** What of a connection matters here. */
export type Pulse = Pick<
  ControlConnection,
  'state' | 'session' | 'isRemote' | 'lastHeardMs' | 'lastSentMs' | 'writeAck' | 'destroy'
> & { readonly link: Pick<Link, 'kind'> };

interface HeartbeatsHost {
  connections(): Iterable<Pulse>;
  receivedOf(session: number): number;
  now(): number;
}

/**
 * Over TCP a connection that nobody uses says so now and then, and one whose peer on another host
 * is silent for long is lost: its host may be gone without a word. Within a host the kernel tells.
 */
export class Heartbeats {
  readonly #host: HeartbeatsHost;
  readonly #timer: NodeJS.Timeout;

  constructor(host: HeartbeatsHost) {
    this.#host = host;
    this.#timer = setInterval(() => this.beat(), SERVER_LIMITS.heartbeatMs / 2);
    this.#timer.unref();
  }

  beat(): void {
    const now = this.#host.now();
    for (const connection of this.#host.connections()) {
      if (connection.link.kind !== 'tcp' || connection.state !== 'open') continue;
      if (connection.isRemote && now - connection.lastHeardMs > SERVER_LIMITS.silenceMsMax) {
        connection.destroy();
      } else if (now - connection.lastSentMs >= SERVER_LIMITS.heartbeatMs / 2) {
        connection.writeAck(this.#host.receivedOf(connection.session));
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
