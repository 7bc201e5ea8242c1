import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Space } from '../../src/core/space.js';
import type { ValueMap } from '../../src/core/value.js';
import { npyHeader } from '../../src/formats/npy/header.js';
import { openStore } from '../../src/levels/store/index.js';
import { testPool } from '../../src/testing/index.js';
import { pageAt } from '../core/page.js';
import { writeEra } from '../files/era.js';
import { filesOf, shell } from './command.js';

interface Example {
  readonly command: string;
  /** What it prints, errors behind results. */
  readonly out: string;
}

/** The commands of a page that stand behind `$`, in their order. */
function examplesOf(page: string): Example[] {
  const blocks = [...page.matchAll(/^```\n(\$ attacca [\s\S]*?)^```$/gmu)];
  return blocks.flatMap(([, block = '']) =>
    block
      .split(/^\$ /mu)
      .filter((part) => part !== '')
      .map((part) => {
        const end = part.indexOf('\n');
        return { command: part.slice(0, end), out: part.slice(end + 1) };
      }),
  );
}

/** What was printed, without what a page leaves out of its lines, `...` at the front. */
function shortened(printed: string, out: string): string {
  const lines = out.split('\n');
  return printed
    .split('\n')
    .map((line, at) => {
      const rest = lines[at]?.startsWith('...') === true ? lines[at].slice(3) : null;
      return rest !== null && rest !== '' && line.endsWith(rest) ? `...${rest}` : line;
    })
    .join('\n');
}

/** The files that the pages name. */
async function filesOfPages(t: TestContext): Promise<string> {
  const directory = await filesOf(t);
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/u.exec(pageAt('docs/schemas.md')) ?? [];
  await writeFile(join(directory, 'fields.yaml'), yaml);
  const header = npyHeader({ dtype: 'float32', shape: [2, 3], order: 'row', byteOrder: 'little' });
  await writeFile(join(directory, 't.npy'), Buffer.concat([header, new Uint8Array(24)]));
  for (const [name, values] of [
    ['u', [3, -6]],
    ['v', [4, 8]],
  ] as const) {
    const space = { dtype: 'float32', shape: [2], order: 'row', byteOrder: 'little' } as const;
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    await writeFile(join(directory, `${name}.npy`), Buffer.concat([npyHeader(space), bytes]));
  }
  await writeFile(join(directory, 'plot.png'), 'a picture');
  await writeEra(join(directory, 'era.nc'));
  await writeStores(directory);
  return directory;
}

/** A store, and a copy of it in which one byte is another one. */
async function writeStores(directory: string): Promise<void> {
  const archive = join(directory, 'archive');
  const store = await openStore(archive, { access: 'write' });
  const put = async (name: string, space: Space, attributes: ValueMap, bytes: Uint8Array) => {
    await store.put({ pool: 'run', name, version: 1, space, attributes }, bytes);
  };
  const grid = { dtype: 'float32', shape: [2, 3], order: 'row', byteOrder: 'little' } as const;
  for (const step of [0, 6]) {
    await put(`t/850/step=${step}`, grid, { param: 't', step }, new Uint8Array(24));
  }
  await put(
    'q/850',
    { ...grid, dtype: 'uint8', shape: [10] },
    { param: 'q' },
    Buffer.from('some text\n'),
  );
  await store.close();
  await cp(archive, join(directory, 'aged'), { recursive: true });
  const pack = join(directory, 'aged', 'packs', '00000001.pack');
  const bytes = await readFile(pack);
  bytes[250] = (bytes[250] ?? 0) ^ 1;
  await writeFile(pack, bytes);
}

for (const [page, count] of [
  ['docs/schemas.md', 9],
  ['docs/containers.md', 16],
  ['docs/cubes.md', 12],
  ['docs/parts.md', 9],
  ['docs/formats.md', 13],
  ['docs/transforms.md', 3],
  ['docs/events.md', 9],
  ['docs/conductors.md', 24],
  ['docs/storage.md', 9],
  ['docs/groups.md', 8],
  ['docs/steps.md', 12],
] as const) {
  test(`the commands of ${page} print what the page says`, async (t) => {
    await using pool = await testPool();
    const directory = await filesOfPages(t);
    const examples = examplesOf(pageAt(page));
    assert.equal(examples.length, count);
    for (const { command, out } of examples) {
      const result = await shell(command, { pool: pool.address, directory }).ended;
      assert.equal(shortened(result.out + result.err, out), out, command);
    }
  });
}
