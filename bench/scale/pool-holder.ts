/** A process that holds objects in the structures of a manager, as one with a journal does. */
import { crc32 } from 'node:zlib';
import { LIMITS } from '../../src/core/limits.js';
import { Journal } from '../../src/journal/journal.js';
import { Batches } from '../../src/loop/batches.js';
import { saveSnapshot } from '../../src/loop/history.js';
import { encodePoolInfo } from '../../src/loop/pool-info.js';
import { type Performance, PoolLoop } from '../../src/loop/pool-loop.js';
import { STEP_VERSION } from '../../src/pool/step.js';
import { NodeDisk } from '../../src/server/node-disk.js';
import { numberOf, textOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';
import { threadCpuClock } from '../harness/thread-cpu.js';
import { accountOf } from './account.js';
import { BATCH_OBJECTS, Clients } from './clients.js';
import { type AttributeCount, attributeCountOf } from './described.js';
import { Longest, residentBytes } from './longest.js';

const OPTIONS = {
  id: 'scale',
  name: 'scale',
  hashSeed: 1,
  memoryBytesMax: 0,
  deadlineDefaultMs: 600_000,
  promiseGraceMs: 10_000,
  durability: 2,
  slabDurability: 1,
  reportFreed: false,
  hasStore: false,
  statistics: true,
  eventBytesMax: LIMITS.eventBytesMax,
  eventAgeMsMax: 0,
  life: 1,
  lifeBefore: 0,
  wallMs: 0,
  sessionKeyId: 0,
};
const WARM_BATCHES = 100;
const INFO = encodePoolInfo({ options: OPTIONS, bootId: '', shmDirectory: '' });

const loop = new PoolLoop(OPTIONS, crc32);
let now = 0;
/** Number of the last batch. */
let last = 0;

function run(): Performance {
  const batch = loop.step(now++);
  last = batch.number;
  return loop.release(batch);
}

/** Goes on by the journal, as a manager does: records behind a snapshot. */
async function goOn(disk: NodeDisk, objects: number): Promise<void> {
  let ready = (): void => {};
  const journal: Journal = new Journal({
    disk,
    checksum: crc32,
    stepVersion: STEP_VERSION,
    info: INFO,
    after: { number: last, crc: 0 },
    tail: null,
    onDurable: (number) => batches.durable(number),
    onReady: () => ready(),
    onRoom: () => {},
    onFailed: (error) => {
      throw error;
    },
    onClosed: () => {},
  });
  const batches = new Batches({
    loop,
    journal,
    perform: (performance) => clients.take(performance),
  });
  const step = async (): Promise<void> => {
    while (!batches.step(now)) {
      await new Promise<void>((resolve) => {
        ready = resolve;
      });
    }
    now++;
  };
  // The first batch of a client is stepped before there is a journal: never here.
  for (let done = 0; done < objects; done += BATCH_OBJECTS) {
    clients.batch()();
    await step();
  }
  await journal.flush();
  await journal.close();
}

/** Six until it is told. */
let clients = new Clients(loop, run, 6);

/** Another pool, so that the code is compiled: what it costs cold is no matter of scale. */
function warmUp(attributes: AttributeCount): void {
  const other = new PoolLoop(OPTIONS, crc32);
  let turn = 0;
  const step = (): Performance => other.run(turn++);
  const others = new Clients(other, step, attributes);
  for (let batches = 0; batches < WARM_BATCHES; batches++) {
    others.batch()();
    others.take(step());
  }
}

takePart({
  grow(request) {
    const objects = numberOf(request, 'objects');
    const attributes = attributeCountOf(numberOf(request, 'attributes'));
    clients = new Clients(loop, run, attributes);
    warmUp(attributes);
    const before = residentBytes();
    const clock = threadCpuClock();
    const pause = new Longest(clock);
    const began = clock();
    let steppedNs = 0;
    for (let done = 0; done < objects; done += BATCH_OBJECTS) {
      // Garbage may be collected in either; making frames is not the work of the pool, but short.
      const give = pause.of(() => clients.batch());
      const from = clock();
      clients.take(
        pause.of(() => {
          give();
          return run();
        }),
      );
      steppedNs += clock() - from;
    }
    return {
      residentBytes: residentBytes() - before,
      pauseMs: pause.ms,
      steppedS: steppedNs / 1e9,
      allS: (clock() - began) / 1e9,
      account: accountOf(loop.pool),
    };
  },
  async snapshot(request) {
    const disk = new NodeDisk(textOf(request, 'directory'));
    const began = performance.now();
    const made = await saveSnapshot(disk, loop, {
      checksum: crc32,
      after: { number: last, crc: 0 },
      info: INFO,
    });
    const seconds = (performance.now() - began) / 1e3;
    await disk.close();
    return { seconds, bytes: made.bytes };
  },
  async goOn(request) {
    const disk = new NodeDisk(textOf(request, 'directory'));
    await goOn(disk, numberOf(request, 'objects'));
    await disk.close();
    return { objects: loop.pool.objects.used };
  },
});
