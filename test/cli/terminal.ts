import { spawnSync } from 'node:child_process';
import { attaccaPath, startProgram } from './command.js';

/** False where a program can be given a terminal of its own, else why it cannot. */
export const noTerminal = /util-linux/u.test(
  String(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout),
)
  ? false
  : 'needs script of util-linux';

/** Runs on a terminal of its own, and types `answer` when something is asked. */
export async function typed(args: readonly string[], pool: string, answer: string) {
  const command = [process.execPath, attaccaPath, ...args].map((word) => `'${word}'`).join(' ');
  const running = startProgram('script', ['-qec', command, '/dev/null'], { pool, input: null });
  const isAsked = await running.said(/\[y\/N\] /u).then(
    () => true,
    () => false,
  );
  if (isAsked) running.process.stdin?.write(answer);
  const { code, out } = await running.ended;
  return { code, out: out.replaceAll('\r', ''), isAsked };
}
