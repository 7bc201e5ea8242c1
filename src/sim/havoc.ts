import type { Dice } from './dice.js';
import type { Lives } from './lives.js';
import type { ClientProcess } from './member.js';
import type { Scheduler } from './scheduler.js';
import type { Slabs } from './slabs.js';
import type { Fault, ManagerFault, Weather } from './weather.js';

/** For so long a disk stays full. */
const FULL_MS_MAX = 4_000;
/** So much is left of it when it is said to be full. */
const FULL_BYTES_MAX = 40_000;

interface HavocParts {
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly slabs: Slabs;
  /** Slabs with something in them that somebody waits to read. */
  readonly wanted: () => number[];
  readonly lives: Lives;
  readonly processes: () => readonly (ClientProcess | null)[];
  /** Faults have stopped. */
  readonly isCalm: () => boolean;
  readonly onDeath: () => void;
  readonly count: (what: string) => void;
  readonly say: (words: () => string) => void;
}

/** Makes happen what may go wrong, at any moment between two events. */
export class Havoc {
  readonly #parts: HavocParts;
  /** A slab is to be lost as soon as there is one that somebody will read from. */
  #isArmed = false;

  constructor(parts: HavocParts) {
    this.#parts = parts;
  }

  begin(): void {
    const { faults, faultMsMax, keeping } = this.#parts.weather;
    this.#plan(faults, faultMsMax, (fault) => this.#processFault(fault));
    if (keeping === null) return;
    this.#plan(keeping.faults, keeping.faultMsMax, (fault) => this.#managerFault(fault));
  }

  #plan<T extends string>(faults: readonly T[], msMax: number, happen: (fault: T) => void): void {
    if (faults.length === 0) return;
    const { dice, scheduler, isCalm } = this.#parts;
    scheduler.after(1 + dice(msMax), () => {
      if (isCalm()) return;
      const fault = faults[dice(faults.length)];
      if (fault !== undefined) happen(fault);
      this.#plan(faults, msMax, happen);
    });
  }

  #processFault(fault: Fault): void {
    const { dice, scheduler, weather, processes, onDeath, count, say } = this.#parts;
    const all = processes();
    const process = all[dice(all.length)];
    if (process?.isAlive !== true) return;
    say(() => `fault: ${fault} of process ${process.id}`);
    count(fault);
    const ms = 1 + dice(weather.faultMsMax);
    switch (fault) {
      case 'cut':
        process.connection?.cut();
        break;
      case 'switch':
        process.switchConnection();
        break;
      case 'again':
        process.sendAgain();
        break;
      case 'stall':
        process.connection?.stall('process', ms);
        break;
      case 'deaf':
        process.connection?.stall('manager', ms);
        break;
      case 'kill':
        process.die();
        onDeath();
        break;
      case 'stop':
        process.stop();
        scheduler.after(ms, () => process.goOn());
        break;
    }
  }

  #managerFault(fault: ManagerFault): void {
    const { dice, scheduler, slabs, lives, processes, count, say } = this.#parts;
    const { disk } = lives;
    say(() => `fault: ${fault}`);
    count(fault);
    switch (fault) {
      case 'crash':
      case 'power':
        lives.end(fault);
        break;
      case 'reboot':
        for (const process of processes()) process?.die();
        lives.end(fault);
        break;
      case 'clean stop':
        if (lives.serving === null) break;
        for (const process of processes()) process?.die();
        lives.restart();
        break;
      case 'slab':
        if (dice(2) === 0) this.#isArmed = true;
        else this.#loseSlab(slabs.numbers()[0]);
        break;
      case 'full':
        disk.capacityBytes = disk.bytesUsed + dice(FULL_BYTES_MAX);
        scheduler.after(1 + dice(FULL_MS_MAX), () => lives.makeRoom());
        break;
      case 'fail':
        disk.isFailing = true;
        break;
      case 'fail once':
        disk.failsOnce = true;
        break;
      case 'flip':
        lives.end('crash');
        lives.flip();
        break;
    }
  }

  /** A batch is kept: perhaps somebody waits now for what lies in a slab. */
  onKept(): void {
    const { wanted, scheduler, isCalm } = this.#parts;
    const [slab] = this.#isArmed ? wanted() : [];
    if (slab === undefined) return;
    this.#isArmed = false;
    scheduler.after(0, () => {
      if (!isCalm()) this.#loseSlab(slab);
    });
  }

  /** A manager ends, and a slab with it. */
  #loseSlab(slab: number | undefined): void {
    const { lives, slabs, weather, processes } = this.#parts;
    // It may be made anew: who has it mapped would go on with the old one.
    if (weather.hasStore) for (const process of processes()) process?.die();
    lives.end('crash');
    if (slab !== undefined) slabs.lose(slab);
  }
}
