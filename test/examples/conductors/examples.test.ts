// Each example of a conductor, as a reader of it runs it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { filesOf, startProgram } from '../../cli/command.js';

const ROOT = resolve(import.meta.dirname, '../../../..');
const LINES_MAX = 150;

/** What each example prints, its lines in the order of the alphabet: some of them race. */
const EXAMPLES: { readonly [name: string]: readonly string[] } = {
  'keep-alive': [
    'restart/0 is let go: restart/1 is there',
    'restart/1 is let go: restart/2 is there',
    'restart/2: nobody-will-offer',
  ],
  tracer: ['wrote a trace; 0 events were missed'],
  top: ['2 members, it is filled: true', 'plot waits for never'],
  archiver: [
    ...[0, 1, 2, 3].map((step) => `t/${step}: 8000 bytes`),
    '4 objects are stored, 0 failed',
  ],
  librarian: [...[0, 1, 2].map((step) => `t/${step}: ${step}, step ${step}`), '0 failed'],
  checkpoint: [
    ...['begins', 'ended by SIGKILL', 'goes on from step 40', 'kept: step 60'],
    ...['ends: 310486276d98e72c', 'expected: 310486276d98e72c'],
  ],
  watch: [...[0, 1, 2].map((step) => `run/step${step}: 4000 bytes`), '3 files were offered'],
  step: ['t/0 is offered', 't/1 is forbidden: a field has units', 't/2 is offered'],
  when: [
    ...[0, 1, 3].map((step) => `t/${step}: done, attempts: 1`),
    't/2: done, attempts: 2',
    '4 done, 0 failed',
  ],
};

for (const [name, lines] of Object.entries(EXAMPLES)) {
  test(`the example of ${name} does what it says, in less than ${LINES_MAX} lines`, async (t) => {
    const source = readFileSync(join(ROOT, `examples/${name}/main.ts`), 'utf8');
    assert.ok(source.split('\n').length < LINES_MAX);
    const directory = await filesOf(t);
    const program = join(ROOT, `dist/examples/${name}/main.js`);
    const { code, out, err } = await startProgram(process.execPath, [program], { directory }).ended;
    assert.equal(err, '');
    assert.deepEqual(out.trimEnd().split('\n').sort(), [...lines].sort());
    assert.equal(code, 0);
  });
}
