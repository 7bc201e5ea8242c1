import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Eccodes, loadEccodes } from './eccodes.js';

/** Names by which the system finds it, where its package is installed. */
const NAMES =
  process.platform === 'darwin'
    ? ['libeccodes.dylib', '/opt/homebrew/lib/libeccodes.dylib', '/usr/local/lib/libeccodes.dylib']
    : ['libeccodes.so.0', 'libeccodes.so'];

const PYTHON_MS_MAX = 20_000;
/** Prints where PyPI's eccodeslib has put the library, for the python3 that stands on the PATH. */
const PYTHON = `
import glob, importlib.util, os
spec = importlib.util.find_spec("eccodeslib")
for folder in spec.submodule_search_locations if spec else ():
    for path in glob.glob(os.path.join(folder, "lib*", "libeccodes.*")):
        print(path)
`;

function ofPython(): readonly string[] {
  const options = { encoding: 'utf8', timeout: PYTHON_MS_MAX } as const;
  const { stdout } = spawnSync('python3', ['-c', PYTHON], options);
  return (stdout ?? '').split('\n').filter((path) => path !== '');
}

/**
 * ecCodes where it is found first: the file that ATTACCA_ECCODES names, and then no other; what
 * the system knows; an environment of conda; the package eccodeslib of python3. Else what was
 * tried, each with why it is not it.
 */
export function findEccodes(
  koffi: typeof import('koffi'),
  env: NodeJS.ProcessEnv,
): Eccodes | readonly string[] {
  const tried: string[] = [];
  const attempt = (path: string): Eccodes | null => {
    try {
      return loadEccodes(koffi, path);
    } catch (error) {
      tried.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  };
  const { ATTACCA_ECCODES: own = '', CONDA_PREFIX: conda = '' } = env;
  if (own !== '') return attempt(own) ?? tried;
  const known = conda === '' ? NAMES : [...NAMES, ...NAMES.map((name) => join(conda, 'lib', name))];
  for (const path of known) {
    const found = attempt(path);
    if (found !== null) return found;
  }
  for (const path of ofPython()) {
    const found = attempt(path);
    if (found !== null) return found;
  }
  return tried;
}
