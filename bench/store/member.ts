/**
 * Archives objects durably and reads them back: into a store of Attacca, or a file each. The store
 * is in this process, as an archiver has it: nothing goes through a pool.
 */
import { readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSelector } from '../../src/core/selector/parser.js';
import { objectTester } from '../../src/core/selector/selects.js';
import { openStore } from '../../src/levels/store/index.js';
import { directWrite } from '../harness/direct-write.js';
import { numberOf, type Reply, textOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';

const POOL = 'bench';
/** Under way at a time: an archiver has so many objects at hand. */
const AT_ONCE_BYTES = 16 * 1024 * 1024;
const AT_ONCE_MAX = 1_024;
/** A prime: objects are asked for in an order that is not theirs. */
const STRIDE = 7_919;
/**
 * Files up to here are read at once, greater ones by threads: of 4 KiB `readFileSync` reads several
 * times as many as `readFile`, of 822,329 B two thirds, where they are in the page cache.
 */
const READ_SYNC_BYTES_MAX = 64 * 1024;

interface Side {
  put(name: string, step: number, bytes: Uint8Array): Promise<void>;
  get(name: string, bytes: number): Promise<Uint8Array>;
  /** Names of the objects whose step is below a bound. */
  below(bound: number): Promise<string[]>;
}

async function attaccaSide(directory: string): Promise<Side> {
  const level = await openStore(directory, { access: 'write' });
  return {
    async put(name, step, bytes) {
      const space = { dtype: 'uint8', shape: [bytes.length], order: 'row' } as const;
      const entry = {
        pool: POOL,
        name,
        version: 1,
        space: { ...space, byteOrder: 'little' },
      } as const;
      await level.put({ ...entry, attributes: { step, param: 't' } }, bytes, {
        durability: 'fsync',
      });
    },
    async get(name) {
      const found = await level.get({ pool: POOL, name, version: 1 });
      if (found === null) throw new Error(`"${name}" is not in the store`);
      return found.bytes;
    },
    async below(bound) {
      const isSelected = objectTester(parseSelector(`param = "t" and step < ${bound}`));
      const names: string[] = [];
      const wanted = level.list(({ name, attributes }) =>
        isSelected({ own: { name }, attributes }),
      );
      for await (const { name } of wanted) names.push(name);
      return names;
    },
  };
}

/** The step is in the name, as there is nowhere else: what selects reads the directory. */
async function fileSide(directory: string): Promise<Side> {
  await mkdir(directory, { recursive: true });
  const pathOf = (name: string): string => join(directory, name);
  return {
    async put(name, _step, bytes) {
      const path = pathOf(name);
      const file = await open(`${path}.part`, 'w');
      await file.writeFile(bytes);
      await file.datasync();
      await file.close();
      await rename(`${path}.part`, path);
      const folder = await open(directory, 'r');
      await folder.sync();
      await folder.close();
    },
    async get(name, bytes) {
      const path = pathOf(name);
      return bytes <= READ_SYNC_BYTES_MAX ? readFileSync(path) : await readFile(path);
    },
    async below(bound) {
      const names = await readdir(directory);
      return names.filter((name) => Number(name.slice(1)) < bound);
    },
  };
}

let side: Side | null = null;

function opened(): Side {
  if (side === null) throw new RangeError('Cannot take part: not open');
  return side;
}

const nameOf = (at: number): string => `n${String(at).padStart(7, '0')}`;

async function timed(count: number, bytes: number, run: (at: number) => Promise<void>) {
  const width = Math.max(4, Math.min(AT_ONCE_MAX, Math.floor(AT_ONCE_BYTES / bytes)));
  const startNs = nowNs();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await run(at);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return { seconds: (nowNs() - startNs) / 1e9 };
}

async function read(name: string, bytes: number): Promise<void> {
  const found = await opened().get(name, bytes);
  if (found.length !== bytes) throw new Error(`"${name}" has ${found.length} bytes`);
}

function load(request: Reply): { count: number; bytes: number } {
  return { count: numberOf(request, 'count'), bytes: numberOf(request, 'bytes') };
}

takePart({
  async open(request) {
    const directory = textOf(request, 'at');
    side = await (textOf(request, 'side') === 'files' ? fileSide : attaccaSide)(directory);
    return {};
  },
  async put(request) {
    const { count, bytes } = load(request);
    const payload = Buffer.alloc(bytes, 'attacca');
    return await timed(count, bytes, (at) => opened().put(nameOf(at), at, payload));
  },
  async get(request) {
    const { count, bytes } = load(request);
    return await timed(count, bytes, (at) => read(nameOf((at * STRIDE) % count), bytes));
  },
  async select(request) {
    const { count, bytes } = load(request);
    const startNs = nowNs();
    const names = await opened().below(Math.floor(count / 10));
    if (names.length !== Math.floor(count / 10)) throw new Error('Not what was selected');
    await timed(names.length, bytes, (at) => read(names[at] as string, bytes));
    return { seconds: (nowNs() - startNs) / 1e9 };
  },
  raw(request) {
    const { count, bytes } = load(request);
    return directWrite(textOf(request, 'at'), count * bytes);
  },
});
