/** A pool, served in a process of its own. */
import { serve } from '../../src/server/index.js';
import { textOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';

takePart({
  async serve(request) {
    const { memoryBytes } = request;
    const server = await serve({
      name: textOf(request, 'name'),
      address: textOf(request, 'address'),
      shmDirectory: textOf(request, 'shmDirectory'),
      memoryBytes: typeof memoryBytes === 'number' ? memoryBytes : undefined,
    });
    return { address: server.address };
  },
});
