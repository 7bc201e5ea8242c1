import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Reader } from '../../src/core/bytes.js';
import { measure } from '../../src/core/statistics/measure.js';
import { readStatistics } from '../../src/core/statistics/statistics-codec.js';
import type { MeasureResult } from '../../src/pool/input.js';
import type { MeasureAsked } from '../../src/pool/state.js';
import { Measurer } from '../../src/server/measurer.js';
import { NativeGate } from '../../src/server/native-gate.js';

const ELEMENTS = 500_000;
const KIND = { dtype: 'float32', byteOrder: 'little', fills: [] } as const;

/** Slices of one slab, and what is told of them. */
class Slices {
  readonly slab = Float32Array.from({ length: 4 * ELEMENTS }, (_, at) => (at * 31) % 1_009);
  readonly told: MeasureResult[] = [];
  pins = 0;
  #heard = (): void => {};

  asked(ask: number): MeasureAsked {
    const size = 4 * ELEMENTS;
    return { ask, slab: ask === 9 ? 2 : 1, offset: (ask % 4) * size, size, ...KIND };
  }

  bytes({ offset, size }: MeasureAsked): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.slab.buffer, offset, size);
  }

  readonly options = {
    pin: async (asked: MeasureAsked) => {
      if (asked.slab !== 1) return null;
      this.pins++;
      return { bytes: this.bytes(asked), release: () => void this.pins-- };
    },
    tell: (results: readonly MeasureResult[]) => {
      this.told.push(...results);
      this.#heard();
    },
  };

  async until(count: number): Promise<void> {
    while (this.told.length < count) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  mustBeRight(asks: readonly number[]): void {
    const byAsk = new Map(this.told.map(({ ask, statistics }) => [ask, statistics]));
    assert.deepEqual([...byAsk.keys()].sort(), [...asks].sort());
    for (const [ask, statistics] of byAsk) {
      if (ask === 9) assert.equal(statistics, null);
      else {
        assert.ok(statistics !== null, `slice ${ask} is measured`);
        const expected = measure(KIND, this.bytes(this.asked(ask)));
        assert.deepEqual(readStatistics(new Reader(statistics)), expected);
      }
    }
    assert.equal(this.pins, 0, 'all pins are given back');
  }
}

/** The threads that this process begins. */
function beginnings(t: { after(done: () => void): void }): Worker[] {
  const begun: Worker[] = [];
  const note = (worker: Worker): void => void begun.push(worker);
  process.on('worker', note);
  t.after(() => void process.off('worker', note));
  return begun;
}

/** How nice the threads of this process are. */
function niceness(): number[] {
  return readdirSync('/proc/self/task').map((task) => {
    const text = readFileSync(`/proc/self/task/${task}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

test('slices are measured by one thread, which has the least priority', async (t) => {
  const begun = beginnings(t);
  t.after(() => Promise.all(begun.map((worker) => worker.terminate())));
  const slices = new Slices();
  const measurer = new Measurer(slices.options);
  measurer.ask([1, 2, 9].map((ask) => slices.asked(ask)));
  measurer.ask([3, 4].map((ask) => slices.asked(ask)));
  // The test ends when all is told: an idle thread keeps no process.
  const ticking = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(ticking));
  await slices.until(5);
  slices.mustBeRight([1, 2, 3, 4, 9]);
  assert.equal(begun.length, 1);
  if (process.platform !== 'linux') return t.diagnostic('only Linux has priorities of threads');
  const least = niceness().filter((nice) => nice === constants.priority.PRIORITY_LOW);
  assert.equal(least.length, 1);
});

test('what a thread was at when it ended is told as failed, and another goes on', async (t) => {
  const begun = beginnings(t);
  t.after(() => Promise.all(begun.map((worker) => worker.terminate())));
  const ticking = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(ticking));
  const slices = new Slices();
  const measurer = new Measurer(slices.options);
  const first = new Promise<Worker>((resolve) => process.once('worker', resolve));
  measurer.ask([1, 2].map((ask) => slices.asked(ask)));
  // Before it has been told anything.
  await (await first).terminate();
  await slices.until(2);
  assert.deepEqual(slices.told, [
    { ask: 1, statistics: null },
    { ask: 2, statistics: null },
  ]);
  slices.told.length = 0;
  measurer.ask([slices.asked(3)]);
  await slices.until(1);
  slices.mustBeRight([3]);
  assert.equal(begun.length, 2);
});

test('a thread can be ended once it is closed: not while it loads, which ends the process', async (t) => {
  const begun = beginnings(t);
  for (let round = 0; round < 3; round++) {
    const measurer = new Measurer(new Slices().options);
    const one = new Promise<Worker>((resolve) => process.once('worker', resolve));
    measurer.ask([new Slices().asked(1)]);
    const worker = await one;
    let hasSpoken = false;
    worker.once('message', () => {
      hasSpoken = true;
    });
    // It begins to load.
    await once(worker, 'online');
    await measurer.close();
    assert.ok(hasSpoken, 'it has loaded');
    assert.equal(await worker.terminate(), 1);
  }
  assert.equal(begun.length, 3);
});

test('where no thread can see memory slices are measured here, in turns', async (t) => {
  const begun = beginnings(t);
  const slices = new Slices();
  const measurer = new Measurer({ ...slices.options, loadLibc: async () => null });
  let turns = 0;
  const turn = (): void => {
    turns++;
    if (slices.told.length < 3) setImmediate(turn);
  };
  setImmediate(turn);
  measurer.ask([1, 2, 9].map((ask) => slices.asked(ask)));
  await slices.until(3);
  slices.mustBeRight([1, 2, 9]);
  assert.equal(begun.length, 0);
  // Eight pieces of each.
  assert.ok(turns > 10, `${turns} turns of the loop`);
});

test('a thread is not ended while it is in a call to a native library, and begins none then', async () => {
  const gate = new NativeGate();
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ NativeGate }) => {
      const gate = new NativeGate(workerData.memory);
      const cells = new Int32Array(workerData.go);
      gate.run(() => {
        parentPort.postMessage('inside');
        Atomics.wait(cells, 0, 0);
      });
      parentPort.postMessage('outside');
      gate.run(() => parentPort.postMessage('never'));
    });
  `;
  const go = new SharedArrayBuffer(4);
  const module = new URL('../../src/server/native-gate.js', import.meta.url).href;
  const workerData = { module, go, memory: gate.memory };
  const worker = new Worker(code, { eval: true, workerData });
  const said: unknown[] = [];
  worker.on('message', (text) => said.push(text));
  while (said.length === 0) await nextTurn();
  let isClosed = false;
  const closed = gate
    .close(() => true)
    .then(() => {
      isClosed = true;
    });
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  assert.equal(isClosed, false);
  Atomics.store(new Int32Array(go), 0, 1);
  Atomics.notify(new Int32Array(go), 0);
  await closed;
  while (said.length < 2) await nextTurn();
  await worker.terminate();
  assert.deepEqual(said, ['inside', 'outside']);
});
