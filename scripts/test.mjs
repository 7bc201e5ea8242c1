// Runs every compiled test (or those whose path contains an argument) on this Node. Properties try
// the same cases in each run; ATTACCA_SEED=NUMBER tries others, ATTACCA_SEED=random any.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const flags = process.argv.slice(2).filter((word) => word.startsWith('-'));
const files = readdirSync('dist/test', { recursive: true })
  .map((file) => join('dist/test', String(file)))
  .filter((file) => file.endsWith('.test.js'))
  // A test whose source is gone stays in dist until it is cleaned: leave it out.
  .filter((file) => existsSync(file.replace(/^dist\//, '').replace(/\.js$/, '.ts')))
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)))
  .sort();
if (files.length === 0) {
  process.stderr.write('test: no test matches\n');
  process.exit(1);
}
const environment = { ATTACCA_CHECK: '1', ...process.env };
if (environment.ATTACCA_SEED === 'random') {
  environment.ATTACCA_SEED = String(Math.floor(Math.random() * 2 ** 31));
  process.stderr.write(`test: ATTACCA_SEED=${environment.ATTACCA_SEED}\n`);
}
// A test that hangs fails, and says which it was. Those that failed are told again at the end:
// who sees only the last lines of a long log sees them.
const fixed = ['--test', '--test-concurrency=2', '--test-timeout=600000', '--test-reporter=spec'];
const result = spawnSync(process.execPath, [...fixed, ...flags, ...files], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: environment,
});
process.exit(result.status ?? 1);
