import type { Reader, Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { Value, ValueMap } from '../core/value.js';
import { MESSAGE, readValueAnswer } from '../protocol/index.js';
import { Call } from './call.js';
import type { Client } from './client.js';
import { again } from './errors.js';
import type { WaitOptions } from './options.js';
import { throwIfAborted, waiting, waitingHeld } from './waiting.js';

/** Sends a request that is answered by VALUE. */
export function askValue(
  client: Client,
  what: string,
  write: (w: Writer) => void,
  options: WaitOptions = {},
): Promise<Value> {
  return askedValue(client, what, write, options, waiting);
}

/** As {@link askValue}, of what has no deadline in the pool, and may be held there. */
export function askHeldValue(
  client: Client,
  what: string,
  write: (w: Writer) => void,
  options: WaitOptions,
): Promise<Value> {
  return askedValue(client, what, write, options, waitingHeld);
}

async function askedValue(
  client: Client,
  what: string,
  write: (w: Writer) => void,
  options: WaitOptions,
  wait: typeof waiting,
): Promise<Value> {
  throwIfAborted(what, options.signal);
  const { connection } = client;
  await entered(client);
  const call = new Call<Value>(1, readAnswer);
  const number = connection.post(call, 1, write);
  return (await wait(connection, call, { number, what }, options)) ?? null;
}

/** Sends a request that is answered by OK. */
export function askOk(
  client: Client,
  what: string,
  write: (w: Writer) => void,
  options: WaitOptions = {},
): Promise<void> {
  return asked(client, what, write, options, waiting);
}

/** As {@link askOk}, of what has no deadline in the pool, and may be held there. */
export function askHeld(
  client: Client,
  what: string,
  write: (w: Writer) => void,
  options: WaitOptions,
): Promise<void> {
  return asked(client, what, write, options, waitingHeld);
}

async function asked(
  client: Client,
  what: string,
  write: (w: Writer) => void,
  options: WaitOptions,
  wait: typeof waiting,
): Promise<void> {
  throwIfAborted(what, options.signal);
  const { connection } = client;
  await entered(client);
  const call = new Call<never>(1);
  const number = connection.post(call, 1, write);
  await wait(connection, call, { number, what }, options);
}

async function entered(client: Client): Promise<void> {
  const { over } = client.connection;
  if (over !== null) throw again(over);
  const room = client.connection.room();
  if (room !== null) await room;
}

export function readAnswer(code: number, reader: Reader): Value {
  if (code !== MESSAGE.value) {
    throw new AttaccaError('bad-message', `Cannot take answer ${code}: VALUE was expected`);
  }
  return readValueAnswer(reader, false, true).value;
}

export function asMap(value: Value): ValueMap {
  const isMap = typeof value === 'object' && Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (!isMap) throw new AttaccaError('bad-message', 'Cannot take the answer: it is no map');
  return value as ValueMap;
}

export function asMaps(value: Value): ValueMap[] {
  if (!Array.isArray(value)) {
    throw new AttaccaError('bad-message', 'Cannot take the answer: it is no list');
  }
  return value.map(asMap);
}
