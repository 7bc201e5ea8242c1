/** Puts objects into a store for ever, and says which are safe: to be killed at any moment. */
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/levels/store/index.js';
import { blobSpace, someBytes } from '../../../src/testing/level-cases.js';

const [directory = '', durability = 'fsync'] = process.argv.slice(2);
const level = await openStore(directory, { access: 'write', packBytesMax: 200_000 });
/** At once: what waits in this process to be written is lost with it, and would count as unsaid. */
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};
say('open');
const first = ((await level.newest('p', 'count')) ?? 0) + 1;
for (let step = first; ; step++) {
  const batch = Array.from({ length: 8 }, async (_, at) => {
    const name = at === 0 ? 'count' : `n${at}`;
    const size = at === 7 && step % 10 === 0 ? 1_200_000 : (step * 37 + at * 101) % 9_000;
    await level.put(
      { pool: 'p', name, version: step, space: blobSpace(size), attributes: { step, at } },
      someBytes(size, step * 8 + at),
      { durability: durability === 'fsync' ? 'fsync' : 'memory' },
    );
    say(`put ${name} ${step} ${size} ${step * 8 + at}`);
    if (step <= 20 || at === 0) return;
    say(`deleting ${name} ${step - 20}`);
    await level.delete({ pool: 'p', name, version: step - 20 });
    say(`deleted ${name} ${step - 20}`);
  });
  await Promise.all(batch);
}
