/**
 * Time of CLOCK_MONOTONIC: the same in all processes of a host, so that differences between them
 * mean something.
 */

export function monotonicNs(): number {
  // Exact below 2^53 ns, 104 days since the host's start; beyond that to a microsecond.
  return Number(process.hrtime.bigint());
}

export function monotonicMs(): number {
  return monotonicNs() / 1e6;
}
