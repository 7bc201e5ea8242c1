/**
 * Measures slices: a thread of its own below the agent's, so that bulk on its way and whoever
 * computes have the cores first. It sees the memory of the process by address; the agent holds a
 * pin on each slab that it names.
 */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../core/assert.js';
import { MeasureScratch } from '../core/statistics/measure.js';
import { tryLoadLibc } from '../levels/shm/index.js';
import type { MeasureResult } from '../pool/input.js';
import type { MeasureAsked } from '../pool/state.js';
import { type MeasureOrder, measureSlice } from './measurer.js';
import { NativeGate } from './native-gate.js';

/** Results are told together, and the first of them waits no longer. */
const TELL_MS = 4;
/** Slabs that are looked at again: to lay a buffer over one costs a garbage collection. */
const VIEWS_MAX = 16;

const port = parentPort;
assert(port !== null, 'statistics are made by a thread');
const libc = await tryLoadLibc();
port.postMessage([] satisfies readonly MeasureResult[]);
// Not before: where all cores are busy its own start would take seconds.
yieldToOthers();
const gate = new NativeGate(workerData);
const scratch = new MeasureScratch();
const views = new Map<string, ArrayBuffer>();
let results: MeasureResult[] = [];
let toldMs = 0;

/** One order after the other: to decode takes turns. */
let line = Promise.resolve();

port.on('message', (orders: readonly MeasureOrder[]) => {
  line = line.then(() => measureAll(orders));
});

async function measureAll(orders: readonly MeasureOrder[]): Promise<void> {
  toldMs = performance.now();
  for (const order of orders) {
    const { asked } = order;
    const bytes = bytesOf(order);
    const elements = asked.encoded === undefined ? bytes : await decoded(asked, bytes);
    const statistics = elements === null ? null : measureSlice(asked, elements, scratch);
    results.push({ ask: asked.ask, statistics });
    if (performance.now() - toldMs >= TELL_MS) tell();
  }
  tell();
}

function bytesOf({ asked, memory }: MeasureOrder): Uint8Array {
  if (memory !== null) {
    const { address, length, offset } = memory;
    return new Uint8Array(viewOf(address, length), offset, asked.size);
  }
  const inline = asked.encoded?.inline ?? null;
  assert(inline !== null, 'what lies in no memory is with its order');
  return inline;
}

/** Loaded when it is needed first: most threads never need it. */
async function decoded(asked: MeasureAsked, bytes: Uint8Array): Promise<Uint8Array | null> {
  const { decodedFor } = await import('./decoding.js');
  return await decodedFor(asked.encoded?.how ?? '', asked, bytes);
}

function tell(): void {
  toldMs = performance.now();
  if (results.length > 0) port?.postMessage(results);
  results = [];
}

function viewOf(address: bigint, length: number): ArrayBuffer {
  const key = `${address} ${length}`;
  assert(libc !== null, 'who gives addresses can look at them');
  const view = views.get(key) ?? gate.run(() => libc.view(address, length));
  // The last one used is the last in order.
  views.delete(key);
  views.set(key, view);
  const [oldest = key] = views.keys();
  if (views.size > VIEWS_MAX) views.delete(oldest);
  return view;
}

/**
 * The least priority that there is. Linux has it for each thread, and a process number that is a
 * thread's means that one; elsewhere it would be that of the whole process.
 */
function yieldToOthers(): void {
  if (process.platform !== 'linux') return;
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')));
    setPriority(thread, constants.priority.PRIORITY_LOW);
  } catch {
    // Without /proc, or where it is forbidden: as any other thread.
  }
}
