// Makes a fresh clone ready: installs packages when the lock file says others than installed,
// compiles what changed, bundles the command. Every npm script that needs a build starts here.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const quiet = process.argv.includes('--quiet');
process.chdir(root);

const run = (command, args, what) => {
  const started = Date.now();
  const result = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (result.error || result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    process.stderr.write(
      `setup: cannot ${what}: ${result.error?.message ?? `exit ${result.status}`}\n`,
    );
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

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  external: ['@node-rs/crc32', 'h5wasm', 'koffi', 'yaml', 'numcodecs', 'xxhash-wasm'],
  logLevel: 'warning',
  write: false,
};

/** Unchanged files keep their time, and what Node has compiled of them. */
function writeOutput({ path, contents }) {
  if (!existsSync(path) || !readFileSync(path).equals(contents)) writeFileSync(path, contents);
}

/** Bundles one entry; returns the hash of its inputs, or null when it is not compiled. */
async function bundle(entry, outfile, options) {
  if (!existsSync(entry)) return null;
  const { build } = await import('esbuild');
  const result = await build({
    ...common,
    entryPoints: [entry],
    outfile,
    // Identifiers stay: stack traces are to be read.
    minifyWhitespace: true,
    minifySyntax: true,
    ...options,
    define: { ATTACCA_VERSION: JSON.stringify(version), ...options.define },
  });
  const [output] = result.outputFiles;
  writeOutput(output);
  return createHash('sha256').update(output.contents).digest('hex').slice(0, 12);
}

/** What runs in a thread or a process of its own, and shares nothing with others. */
const BESIDE = {
  'attacca-hdf5.js': 'dist/src/formats/hdf5/thread.js',
  'attacca-eccodes.js': 'dist/src/formats/grib/values-process.js',
  'attacca-measure.js': 'dist/src/server/measure-thread.js',
};

// The library is a file for each entry and one for what they share, in dist/lib: as the eighty
// modules that it is written in, it takes a program three times as long to load (70 ms, not 23). What the entries
// share lies in one place, so that an error of one is an AttaccaError for the others.
async function bundleLibrary(names) {
  const entryOf = (name) =>
    name === 'store' ? 'dist/src/levels/store/public.js' : `dist/src/${name}/index.js`;
  if (!names.every((name) => existsSync(entryOf(name)))) return;
  const { build } = await import('esbuild');
  const entries = names.map((name) => [name, entryOf(name)]);
  const result = await build({
    ...common,
    entryPoints: {
      ...Object.fromEntries(entries),
      'agent-thread': 'dist/src/server/agent-thread.js',
      'snapshot-thread': 'dist/src/server/snapshot-thread.js',
      'transform-thread': 'dist/src/client/transform-thread.js',
    },
    outdir: library,
    format: 'esm',
    splitting: true,
    chunkNames: 'shared-[hash]',
    define: { ATTACCA_VERSION: JSON.stringify(version) },
  });
  for (const output of result.outputFiles) writeOutput(output);
  const written = new Set(result.outputFiles.map(({ path }) => basename(path)));
  for (const [file, entry] of Object.entries(BESIDE)) {
    await bundle(entry, join(library, file), { format: 'esm' });
    written.add(file);
  }
  for (const file of readdirSync(library)) {
    if (!written.has(file)) rmSync(join(library, file));
  }
}
const library = 'dist/lib';
mkdirSync(library, { recursive: true });
await bundleLibrary(['client', 'files', 'apps', 'server', 'store', 'testing']);

// The command is CommonJS in one file, run by a launcher with compiled code, in dist/bin: as an ES
// module it takes 6 ms longer to start. What jobs call is a bundle of its own, half as large.
const bin = 'dist/bin';
mkdirSync(bin, { recursive: true });
const withoutServer = {
  name: 'without-server',
  setup(build) {
    const filter =
      /\/commands\/(?:serve|start|stop|run|clean|schema|help|keep-alive|when|tracer|watch|archiver|librarian|checkpoint|step|top)\.js$/;
    build.onResolve({ filter }, ({ path }) => ({ path, namespace: 'absent' }));
    build.onLoad({ filter: /./, namespace: 'absent' }, () => ({ contents: 'export {};' }));
  },
};
// Modules of Node that take a millisecond to load, and that few commands use: loaded when they are.
const LATE = ['node:child_process', 'node:crypto', 'node:fs/promises', 'node:tty'];
const lateModules = {
  name: 'late-modules',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      LATE.includes(path) && namespace !== 'late' ? { path, namespace: 'late' } : null,
    );
    build.onLoad({ filter: /./, namespace: 'late' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== 'default');
      const getters = names.map((name) => `get ${name}() { return load().${name}; }`);
      const load = `const load = () => require(${JSON.stringify(path)});`;
      return { contents: `${load} module.exports = { ${getters.join(', ')} };` };
    });
  },
};
// numcodecs has ES modules alone, and the command has no import(): each codec is a file beside it.
const CODECS = ['blosc', 'lz4', 'zstd'];
const codecsBeside = {
  name: 'codecs-beside',
  setup(build) {
    build.onResolve({ filter: /^numcodecs\// }, ({ path }) => ({
      path: `./attacca-${path.replace('numcodecs/', '')}.cjs`,
      external: true,
    }));
  },
};
for (const codec of CODECS) {
  const entry = `node_modules/numcodecs/dist/${codec}.js`;
  // As Node takes a CommonJS module for an ES module: all of it is the default export.
  const footer = { js: 'module.exports = module.exports.default;' };
  await bundle(entry, `${bin}/attacca-${codec}.cjs`, { format: 'cjs', footer });
}
const commonJs = {
  format: 'cjs',
  plugins: [lateModules, codecsBeside],
  define: { 'import.meta.url': 'ATTACCA_URL' },
  supported: { 'dynamic-import': false },
};
const main = 'dist/src/cli/main.js';
await bundle('dist/src/server/agent-thread.js', `${bin}/attacca-agent.js`, { format: 'esm' });
await bundle('dist/src/server/snapshot-thread.js', `${bin}/attacca-snapshot.js`, { format: 'esm' });
await bundle('dist/src/client/transform-thread.js', `${bin}/attacca-transform.js`, {
  format: 'esm',
});
for (const [file, entry] of Object.entries(BESIDE)) {
  await bundle(entry, `${bin}/${file}`, { format: 'esm' });
}
const all = await bundle(main, `${bin}/attacca-all.cjs`, commonJs);
const jobs = await bundle(main, `${bin}/attacca-jobs.cjs`, {
  ...commonJs,
  plugins: [lateModules, codecsBeside, withoutServer],
  minify: true,
});
if (all !== null && jobs !== null) {
  await bundle('dist/src/cli/launcher.js', `${bin}/attacca.cjs`, {
    format: 'cjs',
    define: { ATTACCA_BUILDS: JSON.stringify({ jobs, all }) },
    banner: { js: '#!/usr/bin/env node' },
  });
  writeFileSync('dist/attacca.js', "#!/usr/bin/env node\nimport './bin/attacca.cjs';\n");
  for (const file of [`${bin}/attacca.cjs`, 'dist/attacca.js']) chmodSync(file, 0o755);
  // The name that people type, for those who put this directory on their PATH.
  rmSync(`${bin}/attacca`, { force: true });
  symlinkSync('attacca.cjs', `${bin}/attacca`);
  for (const file of readdirSync(bin)) {
    const known = file.includes(jobs) || file.includes(all);
    if (file.startsWith('code-') && !known) rmSync(`${bin}/${file}`);
  }
}
