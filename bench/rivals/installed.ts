import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const RIVALS = fileURLToPath(new URL('../../../bench/.rivals/', import.meta.url));
const INSTALL = 'bench/install-rivals.sh';
const PYTHON = `${RIVALS}python/bin/python`;

/** The rivals' Python, where it is installed. */
export function rivalsPython(): string | null {
  return existsSync(PYTHON) ? PYTHON : null;
}

/** Why a Python package cannot take part, or null. */
export function pythonAbsent(packageName: string): string | null {
  const python = rivalsPython();
  const found =
    python !== null &&
    spawnSync(python, [
      '-c',
      `import importlib.util as u, sys; sys.exit(u.find_spec('${packageName}') is None)`,
    ]).status === 0;
  return found ? null : `not installed; install with: ${INSTALL}`;
}

/** Why a Node package cannot take part, or null. */
export function nodePackageAbsent(packageName: string): string | null {
  return existsSync(`${RIVALS}node_modules/${packageName}`)
    ? null
    : `not installed; install with: ${INSTALL}`;
}

/** Loads a package of the rivals. Its type is what the caller says it uses of it. */
export function loadRival(packageName: string): unknown {
  return createRequire(`${RIVALS}package.json`)(packageName);
}

/** Why a command cannot take part, or null. */
export function commandAbsent(command: string): string | null {
  const found = spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
  return found ? null : `not installed; install with: ${INSTALL}`;
}

/** Why HDF5 in parallel cannot take part, or null: it is Debian's, for the system's Python. */
export function mpiAbsent(): string | null {
  const script = 'import mpi4py, h5py._debian_h5py_mpi';
  const found =
    commandAbsent('mpirun') === null &&
    spawnSync('/usr/bin/python3', ['-c', script], { env: { OMPI_COMM_WORLD_SIZE: '1' } }).status ===
      0;
  return found ? null : `not installed; install with: ${INSTALL}`;
}
