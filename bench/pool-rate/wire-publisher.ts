import { connect } from 'node:net';
import { codecOf, gatheringWriter, type WireReply } from './wire.js';
import type { Publisher } from './workload.js';

/** A client of the rival: requests by number, any of them under way. */
export async function wirePublisher(codecName: string, path: string): Promise<Publisher> {
  const codec = codecOf(codecName);
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  const write = gatheringWriter(socket, codec);
  let next = 1;
  const decode = codec.decoder((message) => {
    const { id, ok } = message as WireReply;
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (ok) waiter?.resolve();
    else waiter?.reject(new Error('Cannot offer: the name is taken'));
  });
  socket.on('data', decode);
  socket.on('error', (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  const send: Publisher['offerMany'] = async (offer) => {
    const id = next++;
    await new Promise<void>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      write({ id, offer });
    });
  };
  return { offerMany: send, offer: (field) => send([field]) };
}
