/** What is used of the package `redis` (node-redis), and how it is set up. */
import { loadRival } from '../rivals/installed.js';

type Argument = string | Buffer;

export interface RedisClient {
  connect(): Promise<unknown>;
  duplicate(): RedisClient;
  xAdd(key: string, id: string, message: Readonly<Record<string, Argument>>): Promise<unknown>;
  xLen(key: string): Promise<number>;
  hSet(key: string, field: string, value: string): Promise<unknown>;
  eval(
    script: string,
    options: { readonly keys: string[]; readonly arguments: string[] },
  ): Promise<unknown>;
  withTypeMapping(mapping: Readonly<Record<number, unknown>>): RawClient;
  close(): Promise<void>;
  /** Ends at once, whatever is under way. */
  destroy(): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Values come as Buffers, not as text. */
export interface RawClient {
  sendCommand(words: readonly Argument[]): Promise<unknown>;
}

interface RedisPackage {
  createClient(options: object): RedisClient;
  readonly RESP_TYPES: { readonly BLOB_STRING: number };
}

/** One of `connect` calls is one connection; calls on it go out without waiting for answers. */
export async function connectRedis(socket: string): Promise<RedisClient> {
  const { createClient } = loadRival('redis') as RedisPackage;
  const client = createClient({ socket: { path: socket }, RESP: 2 });
  client.on('error', () => {});
  await client.connect();
  return client;
}

export function rawOf(client: RedisClient): RawClient {
  const { RESP_TYPES } = loadRival('redis') as RedisPackage;
  return client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}
