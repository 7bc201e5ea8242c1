import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { shell, startProgram } from '../cli/command.js';
import { pythonOptions, pythonPath } from '../clients/python.js';
import { pageAt } from '../core/page.js';

const page = pageAt('docs/open-objects.md');

/** Programs of a language, each with what it prints. */
function programsOf(language: string): { readonly text: string; readonly out: string }[] {
  const block = new RegExp(
    `^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`\\n+\`\`\`text\\n([\\s\\S]*?)^\`\`\`$`,
    'gmu',
  );
  return [...page.matchAll(block)].map(([, text = '', out = '']) => ({ text, out }));
}

const client = new URL('../../src/client/index.js', import.meta.url).href;

test('the programs of the page print what it says', async (t) => {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-page-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const programs = programsOf('ts');
  assert.equal(programs.length, 6);
  for (const { text, out } of programs) {
    await using pool = await testPool();
    const file = joinPath(directory, 'program.mjs');
    await writeFile(file, text.replace("'attacca'", `'${client}'`));
    const result = await startProgram(process.execPath, [file], { pool: pool.address }).ended;
    assert.equal(result.out + result.err, out, text);
  }
});

test('the program in Python prints what the page says', pythonOptions, async () => {
  const [program, ...more] = programsOf('python');
  assert.ok(program !== undefined && more.length === 0);
  await using pool = await testPool();
  const environment = { PYTHONPATH: pythonPath, PYTHONDONTWRITEBYTECODE: '1' };
  const around = { pool: pool.address, environment };
  const result = await startProgram('python3', ['-c', program.text], around).ended;
  assert.equal(result.out + result.err, program.out);
});

/** Times of what was printed differ. */
const timeless = (text: string): string =>
  text.replace(/\b(?:[\d.]+ (?:ms|s|m|h)\b ?)+/gu, (time) =>
    time.endsWith(' ') ? 'TIME ' : 'TIME',
  );

test('the commands of the page print what it says', async (t) => {
  await using pool = await testPool();
  const [one, two] = await Promise.all([
    join({ address: pool.address, member: 'model[0]' }),
    join({ address: pool.address, member: 'model[1]', reconnectMs: 999 }),
  ]);
  t.after(() => Promise.all([one.close(), two.close()]));
  const field = await one.create('field', { space: { dtype: 'float32', shape: [4, 6] } });
  const same = await two.open('field');
  await field.lock('write', [[0, 2], null]);
  const aborts = new AbortController();
  const waiting = assert.rejects(same.lock('read', [[1, 4], 0], { signal: aborts.signal }));
  const locks = async (): Promise<number> => {
    return ((await one.stat('field')) as { locks: number }).locks;
  };
  while ((await locks()) < 2);
  const [, block = ''] = /^```\n(\$ attacca [\s\S]*?)^```$/mu.exec(page) ?? [];
  const parts = block.split(/^\$ /mu).slice(1);
  assert.equal(parts.length, 3);
  for (const part of parts) {
    const [command = ''] = part.split('\n', 1);
    const result = await shell(command, { pool: pool.address }).ended;
    assert.equal(timeless(result.out + result.err), timeless(part.slice(command.length + 1)));
  }
  aborts.abort();
  await waiting;
});
