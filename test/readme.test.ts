import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '../..');

/** The commands of the README's minute and all that it says they print. */
function minute(): { commands: string; printed: string } {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const block = /```console\n([\s\S]*?)```/.exec(readme)?.[1];
  assert.ok(block !== undefined, 'the README has a console block');
  const lines = block.trimEnd().split('\n');
  const commands = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
  const printed = lines.filter((line) => !line.startsWith('$ '));
  return { commands: `${commands.join('\n')}\n`, printed: `${printed.join('\n')}\n` };
}

test("the README's minute prints what the README says", () => {
  const bin = join(root, 'dist/bin');
  assert.ok(existsSync(join(bin, 'attacca')), 'npm run setup has made dist/bin/attacca');
  const home = mkdtempSync(join(tmpdir(), 'attacca-readme-'));
  try {
    const { commands, printed } = minute();
    mkdirSync(join(home, 'run'), { mode: 0o700 });
    const result = spawnSync('bash', ['-c', `exec 2>&1\n${commands}`], {
      cwd: home,
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        HOME: home,
        PATH: `${bin}:${process.env['PATH'] ?? ''}`,
        XDG_RUNTIME_DIR: join(home, 'run'),
      },
    });
    // How long a wait lasted is rounded up to what the clock said.
    const output = result.stdout.replace(/within 2\d\d ms/g, 'within 200 ms');
    assert.equal(output, printed);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
