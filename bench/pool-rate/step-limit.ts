/** The limit of the manager: the same batches in `step`, in this process, without any socket. */

import { Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  writeDeclare,
  writeJoin,
  writeKey,
  writeOfferNothing,
} from '../../src/protocol/index.js';
import { numberOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';
import { fieldOf } from './workload.js';

const BATCH_FIELDS = 1_000;
/** Frames are made outside of what is timed, so many at a time. */
const FRAMES_AT_A_TIME = 20;
const KEYS = ['param', 'levelist', 'step', 'number', 'date', 'class'];

class Frames {
  readonly #writer = new Writer(1 << 20);
  #first = 1;
  #field = 0;

  make(fill: (w: Writer) => number): Uint8Array {
    const w = this.#writer;
    w.reset();
    const start = beginMessages(w, this.#first, 0);
    this.#first += fill(w);
    endFrame(w, start);
    return w.bytes.slice(0, w.at);
  }

  batch(): Uint8Array {
    return this.make((w) => {
      for (let i = 0; i < BATCH_FIELDS; i++) {
        const handle = this.#field++;
        const { name, attributes } = fieldOf('a', handle);
        const pairs = Object.values(attributes).map((value, key) => [key, value] as const);
        writeDeclare(w, handle, 0, name, {}, pairs);
        writeOfferNothing(w, handle, 0, 0, 0);
      }
      return 2 * BATCH_FIELDS;
    });
  }
}

takePart({
  run(request) {
    const objects = numberOf(request, 'objects');
    /** Before what is timed, as the others warm up, too. */
    const warm = numberOf(request, 'warm');
    const loop = new PoolLoop({
      id: 'limit',
      name: 'limit',
      hashSeed: 1,
      memoryBytesMax: 0,
      deadlineDefaultMs: 600_000,
      promiseGraceMs: 10_000,
      durability: 0,
      slabDurability: 0,
      reportFreed: false,
      hasStore: false,
      statistics: true,
      eventBytesMax: LIMITS.eventBytesMax,
      eventAgeMsMax: 0,
      life: 1,
      lifeBefore: 0,
      wallMs: 0,
      sessionKeyId: 0,
    });
    const session = loop.openSession({});
    loop.run(0);
    const frames = new Frames();
    const take = (frame: Uint8Array, now: number): void => {
      loop.receive(session, frame, FRAME_HEADER_SIZE, frame.length);
      loop.run(now);
    };
    const opening = frames.make((w) => {
      writeJoin(w, 0, 'a[0]', {});
      for (const [key, name] of KEYS.entries()) writeKey(w, key, name);
      return 1 + KEYS.length;
    });
    take(opening, 1);
    let ns = 0;
    let cpuUs = 0;
    let done = 0;
    for (let now = 2; done < warm + objects; ) {
      const some = Array.from({ length: FRAMES_AT_A_TIME }, () => frames.batch());
      const cpu = process.cpuUsage();
      const started = nowNs();
      for (const frame of some) take(frame, now++);
      const took = nowNs() - started;
      const used = process.cpuUsage(cpu);
      if (done >= warm) {
        ns += took;
        cpuUs += used.user + used.system;
      }
      done += FRAMES_AT_A_TIME * BATCH_FIELDS;
    }
    const timed = done - warm;
    return { perSecond: timed / (ns / 1e9), perCpuSecond: timed / (cpuUs / 1e6) };
  },
});
