const PAGE_BYTES = 4_096;
/** What the source writes everywhere. */
export const SEED = 7;

/** The computation of a job: each page of what it has copied counts one job more. */
export function countJob(values: Uint8Array): void {
  for (let at = 0; at < values.length; at += PAGE_BYTES) values[at] = (values[at] ?? 0) + 1;
}

/** Whether a chain of so many jobs has made these values, as far as a look at each page tells. */
export function checkJobs(values: ArrayLike<number>, jobs: number): void {
  for (let at = 0; at < values.length; at += PAGE_BYTES) {
    if (values[at] !== ((SEED + jobs) & 0xff)) throw new Error(`Byte ${at} is ${values[at]}`);
  }
}

/** What a job is told on its command line. */
export interface JobWords {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly bytes: number;
  /** Jobs in the chain before this one: for the last job, which checks. */
  readonly depth: number;
}

export function jobWords(argv: readonly string[]): JobWords {
  const [inputs = '', output = '', bytes = '0', depth = '0'] = argv;
  return {
    inputs: inputs.split(',').filter((word) => word !== ''),
    output,
    bytes: Number(bytes),
    depth: Number(depth),
  };
}
