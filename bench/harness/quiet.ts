import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 200;
/** Of all processors together, the part that must be idle. */
const IDLE_LEAST = 0.9;

interface Times {
  readonly idle: number;
  readonly all: number;
}

function processorTimes(): Times {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const ticks = line.split(/\s+/u).slice(1, 9).map(Number);
  return {
    idle: (ticks[3] ?? 0) + (ticks[4] ?? 0),
    all: ticks.reduce((sum, tick) => sum + tick, 0),
  };
}

/** The idle part of all processors over the next moments. */
export async function idleShare(): Promise<number> {
  const before = processorTimes();
  await sleep(LOOK_MS);
  const after = processorTimes();
  return (after.idle - before.idle) / Math.max(after.all - before.all, 1);
}

/**
 * Waits until other programs leave the processors alone, at most so long. Returns whether they
 * did. Where the system does not tell, it takes quiet for granted.
 */
export async function waitForQuiet(msMax: number): Promise<boolean> {
  if (process.platform !== 'linux' || msMax === 0) return true;
  const until = performance.now() + msMax;
  for (;;) {
    if ((await idleShare()) >= IDLE_LEAST) return true;
    if (performance.now() >= until) return false;
  }
}
