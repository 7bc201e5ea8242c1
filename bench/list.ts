import type { Benchmark } from './harness/benchmark.js';
import { poolRate } from './pool-rate/benchmark.js';

/** All benchmarks, in the order of the table in README.md. */
export const benchmarks: readonly Benchmark[] = [poolRate];
