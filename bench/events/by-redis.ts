/**
 * Redis in the two ways that its users have: channels, with patterns that select, and streams, one
 * for each thing that is selected by. All readers of everything are connections of their own, as
 * the same pattern twice is one for a connection.
 */
import { loadRival } from '../rivals/installed.js';
import { inBatches, type Kind, type Sink, type Source, type Told, toldOf } from './sides.js';

const ASKED = 'asked';
const ANSWERED = 'answered';
/** Entries of each stream in an answer. */
const COUNT = 256;

type Listener = (message: string) => void;

interface RedisClient {
  connect(): Promise<unknown>;
  duplicate(): RedisClient;
  publish(channel: string, message: string): Promise<number>;
  subscribe(channel: string, listener: Listener): Promise<void>;
  pSubscribe(pattern: string, listener: Listener): Promise<void>;
  xAdd(key: string, id: string, message: Readonly<Record<string, string>>): Promise<unknown>;
  sendCommand(words: readonly string[]): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

async function connectTo(socket: string): Promise<RedisClient> {
  const { createClient } = loadRival('redis') as { createClient(options: object): RedisClient };
  return await opened(createClient({ socket: { path: socket }, RESP: 2 }));
}

async function opened(client: RedisClient): Promise<RedisClient> {
  client.on('error', () => {});
  await client.connect();
  return client;
}

const channelOf = ({ param, levelist, step, number }: Told): string =>
  `field:${param}:${levelist}:${step}:${number}`;

/** A question and its answer, each a message on a channel. */
async function asking(client: RedisClient): Promise<(index: number) => Promise<void>> {
  const waiting = new Map<string, () => void>();
  const listener = await opened(client.duplicate());
  await listener.subscribe(ANSWERED, (index) => {
    waiting.get(index)?.();
    waiting.delete(index);
  });
  return async (index) => {
    const answered = new Promise<void>((resolve) => waiting.set(`${index}`, resolve));
    await client.publish(ASKED, JSON.stringify({ index, ...toldOf(index, 1) }));
    await answered;
  };
}

async function answering(client: RedisClient): Promise<void> {
  const listener = await opened(client.duplicate());
  await listener.subscribe(ASKED, (message) => {
    const { index } = JSON.parse(message) as { readonly index: number };
    client.publish(ANSWERED, `${index}`).catch(() => {});
  });
}

const stepOf = (message: string): number => (JSON.parse(message) as Told).step;

async function source(at: string, isStream: boolean): Promise<Source> {
  const client = await connectTo(at);
  const tell = (told: Told): Promise<unknown> =>
    isStream
      ? client.xAdd(streamOf(told.number), '*', { told: JSON.stringify(told) })
      : client.publish(channelOf(told), JSON.stringify(told));
  return {
    async publish(first, count, subscriptions) {
      await inBatches(first, count, async (from, some) => {
        const telling = Array.from({ length: some }, (_, index) =>
          tell(toldOf(from + index, subscriptions)),
        );
        await Promise.all(telling);
      });
    },
    ask: await asking(client),
  };
}

async function channelSink(at: string): Promise<Sink> {
  const client = await connectTo(at);
  return {
    async subscribe({ subscriptions, isFanOut }, onTold) {
      const listener = await opened(client.duplicate());
      for (let number = 0; number < subscriptions; number++) {
        const own = isFanOut ? await opened(client.duplicate()) : listener;
        const pattern = isFanOut ? 'field:t:*' : `field:t:*:${number}`;
        await own.pSubscribe(pattern, (message) => onTold(stepOf(message)));
      }
    },
    answer: () => answering(client),
  };
}

const streamOf = (number: number): string => `fields:${number}`;

type RawReply = [stream: string, entries: [id: string, fields: [string, string]][]][];

/** Reads some streams for as long as there is the connection. */
async function readAll(
  client: RedisClient,
  streams: readonly string[],
  onTold: (step: number) => void,
): Promise<void> {
  const positions = new Map(streams.map((stream) => [stream, '0-0']));
  for (;;) {
    const words = ['XREAD', 'COUNT', `${COUNT}`, 'BLOCK', '0', 'STREAMS'];
    const reply = await client.sendCommand([...words, ...positions.keys(), ...positions.values()]);
    for (const [stream, entries] of reply as RawReply) {
      for (const [id, [, told]] of entries) {
        onTold(stepOf(told));
        positions.set(stream, id);
      }
    }
  }
}

async function streamSink(at: string): Promise<Sink> {
  const client = await connectTo(at);
  return {
    async subscribe({ subscriptions, isFanOut }, onTold) {
      const numbers = Array.from({ length: subscriptions }, (_, number) => number);
      // Who wants everything reads all of it; who wants some of it is one reader of many streams.
      const readers = isFanOut ? numbers.map(() => [streamOf(0)]) : [numbers.map(streamOf)];
      for (const streams of readers) {
        readAll(await opened(client.duplicate()), streams, onTold).catch(() => {});
      }
    },
    answer: () => answering(client),
  };
}

export const byChannels: Kind = { source: (at) => source(at, false), sink: channelSink };
export const byStreams: Kind = { source: (at) => source(at, true), sink: streamSink };
