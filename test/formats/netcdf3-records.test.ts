import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { NETCDF3 } from '../../src/files/netcdf3.js';
import { MemorySource } from '../../src/formats/bytes.js';
import type { Dataset, Variable } from '../../src/formats/dataset.js';
import { Netcdf3File } from '../../src/formats/netcdf3/reader.js';
import { layOut, Netcdf3Writer } from '../../src/formats/netcdf3/writer.js';
import { MemorySink } from './memory-sink.js';

const RECORDS = 200_000;

/** Three variables of records: of 4 bytes, of 3 with one that pads them, and of 12 KiB. */
function datasetOf(records: number, wide: number): Dataset {
  const variable = (name: string, type: Variable['type'], inner: number[]): Variable => {
    return { name, type, byteOrder: 'big', dimensions: [0, ...inner], attributes: [] };
  };
  return {
    dimensions: [
      { name: 'time', size: records, unlimited: true },
      { name: 'three', size: 3, unlimited: false },
      { name: 'wide', size: Math.max(1, wide), unlimited: false },
    ],
    attributes: [],
    variables: [
      variable('a', 'int32', []),
      variable('b', 'int8', [1]),
      ...(wide > 0 ? [variable('c', 'int32', [2])] : []),
    ],
  };
}

class CountedSink extends MemorySink {
  calls = 0;

  override write(at: number, bytes: Uint8Array): void {
    this.calls += 1;
    super.write(at, bytes);
  }
}

class CountedSource extends MemorySource {
  calls = 0;

  override read(at: number, into: Uint8Array): void {
    this.calls += 1;
    super.read(at, into);
  }
}

const elementsOf = (size: number, salt: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) * 7 + salt) & 0xff);

for (const [records, wide] of [
  [RECORDS, 0],
  [50, 3_000],
] as const) {
  test(`rows of ${records} records are read and written in blocks, and are what they were`, () => {
    const dataset = datasetOf(records, wide);
    // All there at once: a sink in memory grows with each write behind its end.
    const sink = new CountedSink();
    sink.write(records * (8 + 4 * wide) + 1_000, new Uint8Array(1));
    const writer = new Netcdf3Writer(sink, dataset, layOut(dataset));
    const written = dataset.variables.map((_, place) => {
      const bytes = elementsOf(records * writer.rowBytes(place), place);
      writer.writeRows(place, 0, bytes);
      return bytes;
    });
    assert.ok(sink.calls < 300, `${sink.calls} writes`);
    const source = new CountedSource('a.nc', sink.bytes);
    const file = new Netcdf3File(source);
    source.calls = 0;
    for (const [place, bytes] of written.entries()) {
      const read = new Uint8Array(bytes.length);
      file.readRows(place, 0, read);
      assert.ok(Buffer.from(read).equals(bytes), `variable ${place}`);
    }
    assert.ok(source.calls < 200, `${source.calls} reads`);
  });
}

test('whoever reads many records gets turns in between, and can end it', async (t) => {
  const dataset = datasetOf(RECORDS, 0);
  const folder = mkdtempSync(join(tmpdir(), 'attacca-netcdf3-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.nc');
  await using target = await NETCDF3.create(path, dataset, null);
  const bytes = elementsOf(RECORDS * 4, 5);
  await target.writeRows(0, 0, bytes);
  await target.writeRows(1, 0, elementsOf(RECORDS * 3, 6));
  await target.close();
  await using source = await NETCDF3.open(path);
  const into = new Uint8Array(bytes.length);
  let pieces = 0;
  await source.readInto(0, into, () => {
    pieces += 1;
  });
  assert.ok(pieces > 1);
  assert.ok(Buffer.from(into).equals(bytes));
  const stopped = new Error('stopped');
  const stopping = source.readInto(0, into, () => {
    throw stopped;
  });
  await assert.rejects(stopping, stopped);
});
