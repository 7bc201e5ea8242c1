import { dag } from './dag/benchmark.js';
import { events } from './events/benchmark.js';
import { handOver } from './hand-over/benchmark.js';
import type { Benchmark } from './harness/benchmark.js';
import { layout } from './layout/benchmark.js';
import { metadata } from './metadata/benchmark.js';
import { poolRate } from './pool-rate/benchmark.js';
import { scale } from './scale/benchmark.js';
import { sink } from './sink/benchmark.js';
import { store } from './store/benchmark.js';
import { bdcats, vpic } from './vpic/benchmark.js';
import { weather } from './weather/benchmark.js';

/** All benchmarks, in the order of the table in README.md. */
export const benchmarks: readonly Benchmark[] = [
  poolRate,
  handOver,
  sink,
  dag,
  weather,
  metadata,
  scale,
  events,
  vpic,
  bdcats,
  store,
  layout,
];
