/**
 * Measures slices: a thread of its own below the agent's, so that bulk on its way and whoever
 * computes have the cores first. It sees the memory of the process by address; the agent holds a
 * pin on each slab that it names.
 */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { assert } from '../core/assert.js';
import { MeasureScratch } from '../core/statistics/measure.js';
import { loadLibc } from '../levels/shm/index.js';
import type { MeasureResult } from '../pool/input.js';
import { type MeasureOrder, measureSlice } from './measurer.js';

/** Results are told together, and the first of them waits no longer. */
const TELL_MS = 4;
/** Slabs that are looked at again: to lay a buffer over one costs a garbage collection. */
const VIEWS_MAX = 16;

const port = parentPort;
assert(port !== null, 'statistics are made by a thread');
const libc = await loadLibc();
port.postMessage([] satisfies readonly MeasureResult[]);
// Not before: where all cores are busy its own start would take seconds.
yieldToOthers();
const scratch = new MeasureScratch();
const views = new Map<string, ArrayBuffer>();
let results: MeasureResult[] = [];
let toldMs = 0;

port.on('message', (orders: readonly MeasureOrder[]) => {
  toldMs = performance.now();
  for (const { asked, memory } of orders) {
    const { address, length, offset } = memory;
    const bytes = new Uint8Array(viewOf(address, length), offset, asked.size);
    results.push({ ask: asked.ask, statistics: measureSlice(asked, bytes, scratch) });
    if (performance.now() - toldMs >= TELL_MS) tell();
  }
  tell();
});

function tell(): void {
  toldMs = performance.now();
  if (results.length > 0) port?.postMessage(results);
  results = [];
}

function viewOf(address: bigint, length: number): ArrayBuffer {
  const key = `${address} ${length}`;
  const view = views.get(key) ?? libc.view(address, length);
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
