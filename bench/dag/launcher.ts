/** Starts the jobs of a graph as a workflow manager does, a few at a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { isReply, numberOf, type Reply } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';

/** A command, and the places in the list of those that must have ended before it starts. */
interface Launch {
  readonly argv: readonly string[];
  readonly after: readonly number[];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function launchesOf(request: Reply): Launch[] {
  const { jobs } = request;
  if (!Array.isArray(jobs) || !jobs.every(isReply)) throw new TypeError('Cannot read the jobs');
  return jobs as unknown as Launch[];
}

/** Environment that the coordinator gives with each request. */
function environmentOf(request: Reply): NodeJS.ProcessEnv {
  const { env } = request;
  return { ...process.env, ...(isReply(env) ? (env as Record<string, string>) : {}) };
}

async function runJob(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [command = '', ...words] = argv;
  const child = spawn(command, words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve(exitCode));
  });
  running.delete(child);
  if (code !== 0) throw new Error(`A job ended with ${code}: ${argv.join(' ')}\n${said}`);
}

async function runGraph(
  launches: readonly Launch[],
  slots: number,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const ended = new Set<number>();
  const waiting = new Map(launches.entries());
  let active = 0;
  await new Promise<void>((resolve, reject) => {
    const advance = (): void => {
      for (const [index, { argv, after }] of waiting) {
        if (active >= slots) return;
        if (!after.every((before) => ended.has(before))) continue;
        waiting.delete(index);
        active++;
        runJob(argv, env).then(() => {
          active--;
          ended.add(index);
          if (ended.size === launches.length) resolve();
          else advance();
        }, reject);
      }
    };
    advance();
  });
}

takePart({
  async run(request) {
    const started = nowNs();
    await runGraph(launchesOf(request), numberOf(request, 'slots'), environmentOf(request));
    return { ms: (nowNs() - started) / 1e6 };
  },
  /** From the start of a process to the first byte it says. */
  async firstByte(request) {
    const { argv } = request;
    if (!Array.isArray(argv)) throw new TypeError('Cannot read the command');
    const [command = '', ...words] = argv.map(String);
    const started = nowNs();
    const child = spawn(command, words, {
      env: environmentOf(request),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2_000);
    });
    const ms = await new Promise<number>((resolve, reject) => {
      child.stdout.once('data', () => resolve((nowNs() - started) / 1e6));
      child.once('error', reject);
      child.once('close', () => reject(new Error(`It said nothing: ${argv.join(' ')}\n${said}`)));
    });
    child.stdout.resume();
    if (child.exitCode === null) {
      await new Promise<void>((resolve) => child.once('close', () => resolve()));
    }
    running.delete(child);
    return { ms };
  },
});
