/**
 * A rival of the manager as one writes it in an afternoon: objects in a Map, a message for a
 * request and one for its answer.
 */
import { createServer } from 'node:net';
import { textOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';
import { codecOf, gatheringWriter, type WireRequest } from './wire.js';
import type { FieldAttributes } from './workload.js';

interface Stored {
  state: 'declared' | 'sealed' | 'offered';
  attributes: FieldAttributes;
}

takePart({
  async serve(request) {
    const codec = codecOf(textOf(request, 'codec'));
    const objects = new Map<string, Stored>();
    const offer = (message: WireRequest): boolean => {
      let ok = true;
      for (const { name, attributes } of message.offer) {
        if (objects.has(name)) {
          ok = false;
          continue;
        }
        const stored: Stored = { state: 'declared', attributes };
        objects.set(name, stored);
        stored.state = 'sealed';
        stored.state = 'offered';
      }
      return ok;
    };
    const server = createServer((socket) => {
      const reply = gatheringWriter(socket, codec);
      const decode = codec.decoder((message) => {
        const asked = message as WireRequest;
        reply({ id: asked.id, ok: offer(asked) });
      });
      socket.on('data', decode);
      socket.on('error', () => socket.destroy());
    });
    const path = textOf(request, 'path');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return {};
  },
});
