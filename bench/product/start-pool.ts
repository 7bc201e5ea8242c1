import { join } from 'node:path';
import type { Stage } from '../harness/benchmark.js';
import { cpuNsOf } from '../harness/cpu.js';
import type { Participant } from '../harness/participant.js';

export interface BenchPool {
  readonly address: string;
  readonly server: Participant;
  /** Nanoseconds of processor time that the manager has used. */
  cpuNs(): number;
}

export interface PoolWish {
  readonly memoryBytes?: number;
  /** Flags of Node for the server: profiling. */
  readonly flags?: readonly string[];
}

/** Serves a pool for one measurement; its directories are those of the stage. */
export async function startPool(stage: Stage, wish: PoolWish = {}): Promise<BenchPool> {
  const server = await stage.crew.node('product/server.js', {
    flags: [...(wish.flags ?? []), ...extraFlags('BENCH_SERVER_FLAGS')],
  });
  const address = `unix:${join(stage.memoryDirectory, 'pool', 'socket')}`;
  await server.ask('serve', {
    name: 'bench',
    address,
    shmDirectory: stage.memoryDirectory,
    ...(wish.memoryBytes === undefined ? {} : { memoryBytes: wish.memoryBytes }),
  });
  return { address, server, cpuNs: () => cpuNsOf(server.pid) };
}

/** For profiling by hand: `BENCH_SERVER_FLAGS=--cpu-prof`. */
export function extraFlags(variable: string): string[] {
  return (process.env[variable] ?? '').split(' ').filter((flag) => flag !== '');
}
