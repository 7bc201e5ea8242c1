import type { AgentWeather } from './agent.js';
import type { Dice } from './dice.js';
import type { NetworkWeather } from './network.js';
import { OPERATIONS, type Operation, type Special, type WorkloadOptions } from './workload.js';

/** What may go wrong, besides what the network and the agent do by themselves. */
export const FAULTS = ['cut', 'switch', 'again', 'stall', 'deaf', 'kill', 'stop'] as const;
export type Fault = (typeof FAULTS)[number];

/** What may befall the manager and its disk, where the pool is kept. */
export const MANAGER_FAULTS = [
  ...(['crash', 'power', 'reboot', 'slab', 'full', 'fail', 'fail once'] as const),
  ...(['flip', 'clean stop'] as const),
] as const;
export type ManagerFault = (typeof MANAGER_FAULTS)[number];

/** How a pool is kept. */
export interface KeepingWeather {
  readonly delayMsMax: number;
  /** Odds that a manager ends at the end of an operation of the disk. */
  readonly crashOdds: number;
  readonly segmentBytes: number;
  readonly sync: boolean;
  /** How long after the end of a segment its snapshot is begun. */
  readonly snapshotMsMax: number;
  readonly faults: readonly ManagerFault[];
  readonly faultMsMax: number;
}

/** All that a seed decides before anything happens. */
export interface Weather {
  readonly network: NetworkWeather;
  readonly agent: AgentWeather;
  readonly workload: WorkloadOptions;
  /** The faults that happen, as often as they stand here. */
  readonly faults: readonly Fault[];
  readonly faultMsMax: number;
  /** Null: the pool is kept nowhere. */
  readonly keeping: KeepingWeather | null;
  /** Whether there is a store beside the journal. */
  readonly hasStore: boolean;
  readonly processes: number;
  readonly thinkMsMax: number;
  /** Requests that a process writes at once, at most. */
  readonly requestsMax: number;
  /** How long the manager may take until its next turn, in steps of 4 ms. */
  readonly turnStepsMax: number;
  readonly memoryBytes: number;
  /** Whether the pool is stopping while its members end. */
  readonly drains: boolean;
}

const PAGE_BYTES = 4_096;

/** What is so for all: nothing is late, nothing fails. */
export const CALM = {
  network: { delayMsMax: 2, splitOdds: 1_000, halfOpenMsMax: 5 },
  agent: { delayMsMax: 2, lagMsMax: 0, failureOdds: 1_000_000_000 },
} as const;

function weatherOf(dice: Dice): Weather {
  const of = <T>(...list: readonly [T, ...T[]]): T => list[dice(list.length)] ?? list[0];
  const memoryBytes = of(4, 16, 64) * PAGE_BYTES;
  return {
    network: {
      delayMsMax: of(0, 4, 40, 300),
      splitOdds: of(2, 8, 64),
      halfOpenMsMax: of(0, 50, 1_000),
    },
    agent: { delayMsMax: of(0, 20, 500), lagMsMax: 1_000, failureOdds: of(2, 8, 1_000_000) },
    workload: {
      deck: deckOf(dice),
      names: of(1, 2, 3, 5, 11),
      waitMsMax: of(100, 1_000, 8_000),
      endlessOdds: of(4, 20, 200),
      leaseBytesMax: of(256, 4_096, 16_384),
      leaseLimit: leaseLimitOf(memoryBytes),
    },
    faults: faultsOf(dice),
    faultMsMax: of(100, 500, 4_000),
    keeping: dice(6) === 0 ? null : keepingOf(dice),
    hasStore: false,
    processes: of(1, 2, 3, 5),
    thinkMsMax: of(4, 40, 200),
    requestsMax: of(1, 4, 12),
    turnStepsMax: of(1, 4, 30),
    memoryBytes,
    drains: dice(4) === 0,
  };
}

/** The weather of a seed; `storing`: of whether what lies in slabs is stored, where it may be. */
export function weatherFor(dice: Dice, storing: Dice, mostly: Special | undefined): Weather {
  const weather = weatherOf(dice);
  const isStored = storing(4) === 3 && weather.keeping?.sync === true;
  if (mostly === undefined) return { ...weather, hasStore: isStored };
  const roomy = roomier(weather);
  if (mostly !== 'storing') return roomy;
  const keeping = weather.keeping ?? keepingOf(storing);
  const faults = [...keeping.faults, ...(['reboot', 'slab', 'reboot', 'slab', 'crash'] as const)];
  return { ...roomy, hasStore: true, keeping: { ...keeping, sync: true, faults } };
}

/** Where most of it is about one thing there are several who do it, with memory, at once. */
function roomier(weather: Weather): Weather {
  const memoryBytes = Math.max(weather.memoryBytes, 64 * PAGE_BYTES);
  const processes = Math.max(weather.processes, 3);
  const leaseLimit = leaseLimitOf(memoryBytes);
  const agent = { ...weather.agent, delayMsMax: Math.max(weather.agent.delayMsMax, 100) };
  const workload = { ...weather.workload, leaseLimit };
  return { ...weather, memoryBytes, processes, agent, workload };
}

function leaseLimitOf(memoryBytes: number): number {
  return memoryBytes - Math.floor(memoryBytes / 8);
}

function keepingOf(dice: Dice): KeepingWeather {
  const of = <T>(...list: readonly [T, ...T[]]): T => list[dice(list.length)] ?? list[0];
  return {
    delayMsMax: of(0, 3, 30, 150),
    crashOdds: of(40, 400, 1_000_000, 1_000_000),
    segmentBytes: of(16, 16, 32) * 1_024,
    sync: dice(5) !== 0,
    snapshotMsMax: of(1, 100, 2_000),
    faults: MANAGER_FAULTS.flatMap((fault) => {
      // What ends a seed comes seldom.
      const times = fault === 'flip' ? Number(dice(8) === 0) : dice(3);
      return Array.from({ length: times }, () => fault);
    }),
    faultMsMax: of(400, 3_000, 20_000),
  };
}

/** Operations as often as usual, but for some that come much more often. */
function deckOf(dice: Dice): Operation[] {
  return (Object.keys(OPERATIONS) as Operation[]).flatMap((kind) => {
    const times = kind !== 'end' && dice(6) === 0 ? 10 : 1;
    return Array.from({ length: OPERATIONS[kind] * times }, () => kind);
  });
}

/** Some of the faults, some of them often; in one world of eight there is none. */
function faultsOf(dice: Dice): Fault[] {
  if (dice(8) === 0) return [];
  return FAULTS.flatMap((fault) => Array.from({ length: dice(3) }, () => fault));
}
