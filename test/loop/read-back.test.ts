import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { readBack } from '../../src/loop/read-back.js';
import { NodeDisk } from '../../src/server/node-disk.js';
import { keptStory } from '../cli/kept-story.js';
import { codeOf } from '../client/support/pools.js';

/** Shows a record in the middle, with the word `wild` in it, as if it were not written yet. */
class LateDisk extends NodeDisk {
  /** How often it still does. */
  late: number;

  constructor(directory: string, late: number) {
    super(directory);
    this.late = late;
  }

  override async read(name: string, offset: number, target: Uint8Array): Promise<number> {
    const size = await super.read(name, offset, target);
    const at = Buffer.from(target.buffer, target.byteOffset, target.length).indexOf('wild');
    if (at < 0 || this.late === 0) return size;
    this.late--;
    target.fill(0, at - 64, at + 4);
    return size;
  }
}

async function lastRead(disk: NodeDisk): Promise<number> {
  try {
    const read = await readBack(disk, {
      checksum: crc32,
      behind: null,
      until: Number.POSITIVE_INFINITY,
      use: (record, loop) => loop.replay(record),
    });
    return read?.last ?? 0;
  } finally {
    await disk.close();
  }
}

test('a record that came to stand after it was looked for is found with those behind it', async (t) => {
  const kept = await keptStory(t);
  const last = await lastRead(new NodeDisk(kept.data));
  assert.ok(last > 5);
  assert.equal(await lastRead(new LateDisk(kept.data, 1)), last);
  const never = new LateDisk(kept.data, Number.POSITIVE_INFINITY);
  assert.equal(await codeOf(lastRead(never)), 'journal-damaged');
});

test('a file that goes between its listing and its opening is not looked for again', async (t) => {
  const kept = await keptStory(t);
  const last = await lastRead(new NodeDisk(kept.data));
  const disk = new NodeDisk(kept.data);
  let listings = 0;
  const list = disk.list.bind(disk);
  disk.list = async () => {
    const gone = { name: 'snapshot-0000000000000001', size: 5_000 };
    return listings++ === 0 ? [...(await list()), gone] : list();
  };
  assert.equal(await lastRead(disk), last);
  assert.equal(listings, 2);
});
