/** A process that brings a pool back from its directory, as a manager that starts does. */
import { crc32 } from 'node:zlib';
import { revive } from '../../src/loop/history.js';
import { NodeDisk } from '../../src/server/node-disk.js';
import { textOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';

takePart({
  async revive(request) {
    const disk = new NodeDisk(textOf(request, 'directory'));
    const began = performance.now();
    const { loop, recovered } = await revive(disk, { checksum: crc32, repair: false });
    if (loop === null) throw new Error('Cannot bring a pool back: there is none');
    // It answers: a session comes in.
    loop.openSession({});
    const { opened } = loop.run(loop.pool.now);
    const seconds = (performance.now() - began) / 1e3;
    await disk.close();
    return {
      seconds,
      opened: opened.length,
      objects: loop.pool.objects.used,
      records: recovered.records,
    };
  },
});
