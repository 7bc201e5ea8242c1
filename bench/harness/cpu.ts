import { readdirSync, readFileSync } from 'node:fs';

/**
 * Nanoseconds of processor time that the threads of a process have used, in user and kernel. From
 * schedstat, which counts nanoseconds; where the kernel has none, from stat in ticks of 10 ms.
 */
export function cpuNsOf(pid: number): number {
  try {
    let total = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [ran] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      total += Number(ran);
    }
    if (total > 0) return total;
  } catch {
    // Without schedstat: the coarse way.
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime are the fields 14 and 15; the first two are cut off.
  return (Number(fields[11]) + Number(fields[12])) * 1e7;
}

/** Kernel time apart from user time, in ticks: for telling system calls from work. */
export function systemShareOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const user = Number(fields[11]);
  const system = Number(fields[12]);
  return system / Math.max(user + system, 1);
}
