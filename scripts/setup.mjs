// Makes a fresh clone ready: installs packages when the lock file says others than installed,
// compiles what changed, bundles the command. Every npm script that needs a build starts here.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const quiet = process.argv.includes('--quiet');
process.chdir(root);

const run = (command, args, what) => {
  const started = Date.now();
  const result = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (result.error || result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    process.stderr.write(`setup: cannot ${what}: ${result.error?.message ?? `exit ${result.status}`}\n`);
    process.exit(1);
  }
  const seconds = (Date.now() - started) / 1000;
  if (!quiet || seconds > 3) process.stderr.write(`setup: ${what} (${seconds.toFixed(1)} s)\n`);
};

/** npm writes a copy of what it installed; older than the lock file means out of date. */
const installed = 'node_modules/.package-lock.json';
const stale =
  !existsSync(installed) || statSync(installed).mtimeMs < statSync('package-lock.json').mtimeMs;
if (stale) {
  if (quiet) process.stderr.write('setup: installing packages ...\n');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], 'install packages');
}
run(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], 'compile');

const { build } = await import('esbuild');
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const entries = { attacca: 'dist/src/cli/main.js', 'attacca-agent': 'dist/src/server/agent-thread.js' };
for (const [name, entry] of Object.entries(entries)) {
  if (!existsSync(entry)) continue;
  await build({
    entryPoints: [entry],
    outfile: `dist/${name}.js`,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    external: ['koffi'],
    logLevel: 'warning',
    define: { ATTACCA_VERSION: JSON.stringify(version) },
    banner: name === 'attacca' ? { js: '#!/usr/bin/env node' } : {},
  });
}
