import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '../..');

/** The block of the README's minute that one pastes, and the one that says what it prints. */
function minute(): { commands: string; printed: string } {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const blocks = /```sh\n(eval [\s\S]*?)```[^`]*```text\n([\s\S]*?)```/.exec(readme);
  const [, commands, printed] = blocks ?? [];
  assert.ok(commands !== undefined && printed !== undefined, 'the README has both blocks');
  return { commands, printed };
}

/** What a pool says first where /dev/shm is as small as a container's. */
const SMALL_HOST = /^attacca start: WARNING: \S+ has only .* free.*\n/u;

const isThere = (shell: string): boolean => spawnSync(shell, ['-c', ':']).error === undefined;

for (const shell of ['bash', 'zsh']) {
  const skip = isThere(shell) ? false : `there is no ${shell} here`;
  test(`the README's minute prints what the README says, in ${shell}`, { skip }, () => {
    const bin = join(root, 'dist/bin');
    assert.ok(existsSync(join(bin, 'attacca')), 'npm run setup has made dist/bin/attacca');
    const home = mkdtempSync(join(tmpdir(), 'attacca-readme-'));
    try {
      const { commands, printed } = minute();
      for (const name of ['run', 'tmp', 'clone']) mkdirSync(join(home, name), { mode: 0o700 });
      const result = spawnSync(shell, ['-c', `exec 2>&1\n${commands}`], {
        cwd: join(home, 'clone'),
        encoding: 'utf8',
        timeout: 60_000,
        env: {
          HOME: home,
          PATH: `${bin}:${process.env['PATH'] ?? ''}`,
          TMPDIR: join(home, 'tmp'),
          XDG_RUNTIME_DIR: join(home, 'run'),
        },
      });
      assert.equal(result.stdout.replace(SMALL_HOST, ''), printed);
      assert.deepEqual(readdirSync(join(home, 'clone')), [], 'nothing is left where it was pasted');
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
}
