import { AttaccaError } from '../core/errors.js';
import { writeEnd } from '../protocol/index.js';
import { Call } from './call.js';
import { Client, type ClientOptions } from './client.js';

/** How long a session that ends waits to hear that it has. */
const END_MS = 2_000;

/** One user's share in a client; the last one to release it ends the session. */
export interface Tenancy {
  readonly client: Client;
  /** Whether this share made the client: it is then to be started. */
  readonly isFirst: boolean;
  /** One more share in the same client. */
  share(): Tenancy;
  /** Idempotent; returns when the session has ended, if this was the last share. */
  release(): Promise<void>;
}

interface Entry {
  readonly client: Client;
  users: number;
  ended: Promise<void> | null;
}

/** The clients of this process: one a pool and way to use it, shared by all that join there. */
export class Clients {
  readonly #entries = new Map<string, Entry>();

  /** A share in the client with these options; made if there is none that works. */
  enter(options: ClientOptions): Tenancy {
    const { address, poolId, transport, reconnectMs } = options;
    const key = JSON.stringify([address, poolId, transport, reconnectMs]);
    const known = this.#entries.get(key);
    if (known !== undefined && known.ended === null && known.client.connection.over === null) {
      return this.#share(key, known, false);
    }
    const entry: Entry = { client: new Client(options), users: 0, ended: null };
    this.#entries.set(key, entry);
    return this.#share(key, entry, true);
  }

  #share(key: string, entry: Entry, isFirst: boolean): Tenancy {
    entry.users++;
    let released: Promise<void> | null = null;
    return {
      client: entry.client,
      isFirst,
      share: () => this.#share(key, entry, false),
      release: () => {
        released ??= this.#release(key, entry);
        return released;
      },
    };
  }

  async #release(key: string, entry: Entry): Promise<void> {
    entry.users--;
    if (entry.users > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.ended ??= endSession(entry.client);
    await entry.ended;
  }
}

async function endSession(client: Client): Promise<void> {
  const { connection } = client;
  if (connection.over !== null) return;
  const left = new AttaccaError('wrong-state', 'Cannot use the pool: this process has left it');
  if (connection.isUp) {
    const call = new Call<never>(1);
    connection.post(call, 1, writeEnd);
    const timer = setTimeout(() => connection.close(left), END_MS);
    // The pool may close the connection before its OK: the session has ended either way.
    await call.promise.catch(() => {});
    clearTimeout(timer);
  }
  connection.close(left);
}
