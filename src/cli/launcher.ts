import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

/** Hashes of the two bundles: set by scripts/setup.mjs. */
declare const ATTACCA_BUILDS: { readonly jobs: string; readonly all: string };

/** Commands that the small bundle has: without all that serves a pool, there is half to read. */
const IN_JOBS: readonly string[] = [
  ...['get', 'put', 'exec', 'wait', 'ls', 'query', 'stat', 'withdraw', 'rm', 'tag', 'untag'],
];
/** Others that scripts call; the rest is called by people, who do not count milliseconds. */
const OFTEN: readonly string[] = [...IN_JOBS, 'run', 'start', 'stop'];

type Main = (
  exports: object,
  require: NodeJS.Require,
  module: NodeJS.Module,
  filename: string,
  dirname: string,
  url: string,
) => void;

/**
 * Starts the bundled command with the code that V8 made of it before, so that nothing is parsed or
 * compiled again: a third of what a short command costs above Node's own start. The code is kept
 * beside the bundle, a file for each command and Node, written when the command has done well; V8
 * refuses what another version made, and a directory that is not ours to write to only means that
 * each start compiles.
 */
function start(directory: string): void {
  const command = process.argv[2] ?? '';
  const bundle = IN_JOBS.includes(command) ? 'jobs' : 'all';
  const filename = join(directory, `attacca-${bundle}.cjs`);
  const build = ATTACCA_BUILDS[bundle];
  const kept = OFTEN.includes(command);
  const cache = join(directory, `code-${process.version}-${process.arch}-${build}-${command}.bin`);
  let cachedData: Buffer | undefined;
  try {
    if (kept) cachedData = readFileSync(cache);
  } catch {
    // There is none yet.
  }
  const source = readFileSync(filename, 'latin1');
  const names = 'exports, require, module, __filename, __dirname, ATTACCA_URL';
  const script = new Script(`(function (${names}) {${source}\n})`, {
    filename,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  if (kept && cachedData === undefined) {
    process.once('exit', (code) => {
      if (code === 0) remember(cache, script);
    });
  }
  const main = script.runInThisContext() as Main;
  main(exports, require, module, filename, directory, pathToFileURL(filename).href);
}

/** Written under another name first: others may start at the same moment. */
function remember(cache: string, script: Script): void {
  const draft = `${cache}.${process.pid}`;
  try {
    writeFileSync(draft, script.createCachedData());
    renameSync(draft, cache);
  } catch {
    // The directory is not ours.
  }
}

start(__dirname);
