import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';

/** The machine in words that name no host: processors, memory, kernel, Node. */
export function describeMachine(): string {
  const all = cpus();
  const model = all[0]?.model.trim() ?? 'unknown processor';
  const GiB = Math.round(totalmem() / 2 ** 30);
  return (
    `${all.length} cores (${model}), ${GiB} GiB memory, ` +
    `${type()} ${release().split('.').slice(0, 2).join('.')}, Node ${process.versions.node}`
  );
}

/** The commit of the tree, marked when the product in it is changed. */
export function describeCommit(): string {
  const git = (...words: string[]): string | null => {
    const result = spawnSync('git', words, { encoding: 'utf8', timeout: 10_000 });
    return result.status === 0 ? result.stdout.trim() : null;
  };
  const commit = git('rev-parse', '--short', 'HEAD');
  if (commit === null) return 'unknown';
  return git('status', '--porcelain', '--', 'src', 'native') === '' ? commit : `${commit}+changes`;
}
