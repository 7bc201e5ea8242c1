import koffi from 'koffi';

/** Of Linux. */
const CLOCK_THREAD_CPUTIME_ID = 3;

/**
 * A clock of the processor time of the thread that calls it, in ns: how long something takes where
 * others work on the same machine. By the call of the system, as what /proc says of a thread that
 * runs is a tick of the scheduler old. Returns the clock.
 */
export function threadCpuClock(): () => number {
  const clockGettime: (clock: number, time: BigInt64Array) => number = koffi
    .load(null)
    .func('int clock_gettime(int, void *)');
  const time = new BigInt64Array(2);
  return () => {
    if (clockGettime(CLOCK_THREAD_CPUTIME_ID, time) !== 0) {
      throw new Error('Cannot read the processor time of a thread');
    }
    return Number(time[0]) * 1e9 + Number(time[1]);
  };
}
