import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

/** Where the Python client is. */
export const pythonPath = resolve(import.meta.dirname, '../../../clients/python');
/** Each part takes some seconds, tens where all cores are busy; one that hangs is stopped. */
const PART_MS_MAX = 120_000;

/** Why the tests of the Python client cannot run here, or false: it needs 3.9 (its README). */
function whyNot(): string | false {
  const program = 'import sys; sys.exit(sys.version_info < (3, 9))';
  const { error, status } = spawnSync('python3', ['-c', program], { stdio: 'ignore' });
  if (error === undefined && status === 0) return false;
  const what = error === undefined ? 'python3 is older than 3.9' : `no python3 (${error.message})`;
  return `${what}: install Python 3.9 or later, on Debian: apt-get install python3`;
}

/** Of a test that runs it. */
export const pythonOptions = { skip: whyNot(), timeout: PART_MS_MAX };

/** Why a test that needs a package of Python cannot run here, or false. */
export function withoutPackage(name: string): string | false {
  const { status } = spawnSync('python3', ['-c', `import ${name}`], { stdio: 'ignore' });
  return status === 0 ? false : `no package ${name} for python3: pip install ${name}`;
}
