/** A job of the graph: reads each of `inputs`, writes `output`. A source has none. */
export interface Job {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly output: string;
}

/** How many chains run beside each other, and how many jobs each has, one after the other. */
export interface Shape {
  readonly width: number;
  readonly depth: number;
}

/**
 * Fork and join: a source, chains of jobs that each read one object and write one, and a last job
 * that reads the ends of all chains. In an order in which each comes behind what it needs.
 */
export function forkJoin({ width, depth }: Shape): Job[] {
  const jobs: Job[] = [{ name: 'source', inputs: [], output: 'root' }];
  const end = (chain: number, level: number): string =>
    level === 0 ? 'root' : `chain-${chain}-${level}`;
  for (let level = 1; level <= depth; level++) {
    for (let chain = 0; chain < width; chain++) {
      const output = end(chain, level);
      jobs.push({ name: output, inputs: [end(chain, level - 1)], output });
    }
  }
  const ends = Array.from({ length: width }, (_, chain) => end(chain, depth));
  jobs.push({ name: 'join', inputs: ends, output: 'joined' });
  return jobs;
}

/** Bytes that the jobs read and write. */
export function bytesMoved(jobs: readonly Job[], bytes: number): number {
  return jobs.reduce((sum, { inputs }) => sum + (inputs.length + 1) * bytes, 0);
}
