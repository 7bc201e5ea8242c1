import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { AttaccaError } from '../../src/core/errors.js';
import { Hdf5Library } from '../../src/formats/hdf5/library.js';
import { Hdf5File } from '../../src/formats/hdf5/reader.js';
import { rowsOf } from './rows.js';

/** A thread that reads files which are damaged, one after the other: it may come to no end. */
interface Given {
  readonly path: string;
  readonly folder: string;
  readonly changes: readonly (readonly [at: number, change: number])[];
}

const { path, folder, changes }: Given = workerData;
const library = await Hdf5Library.load();
const whole = readFileSync(path);
const damaged = join(folder, 'damaged.nc');

function outcomeOf(bytes: Uint8Array): string {
  writeFileSync(damaged, bytes);
  try {
    using file = new Hdf5File(library, damaged);
    for (const place of file.dataset.variables.keys()) {
      // One row is enough of a dimension that has become long.
      file.readBlock(place, rowsOf(file.dataset, place, 0, 2));
    }
    return 'read';
  } catch (error) {
    return error instanceof AttaccaError ? error.code : String(error);
  }
}

for (const [at, change] of changes) {
  const bytes = Buffer.from(whole);
  bytes[at] = (bytes[at] as number) ^ change;
  parentPort?.postMessage(outcomeOf(bytes));
}
