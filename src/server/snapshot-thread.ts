/**
 * Makes one snapshot of a journal beside its manager, on a thread of its own: brings the pool back
 * as recovery would, and saves it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { assert } from '../core/assert.js';
import { makeSnapshot, newestMade } from '../loop/history.js';
import { NodeDisk } from './node-disk.js';
import type { SnapshotOrder } from './snapshots.js';

const port = parentPort;
assert(port !== null, 'a snapshot is made by a thread');
const { directory, upTo, state, info } = workerData as SnapshotOrder;
const disk = new NodeDisk(directory);
const made =
  upTo === null
    ? await newestMade(disk, crc32)
    : await makeSnapshot(disk, { checksum: crc32, upTo, state, info });
await disk.close();
port.postMessage(made);
