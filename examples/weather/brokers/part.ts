/** The frame around each program with brokers: its pool, its words to main.ts, its end. */
import { join, type Pool } from 'attacca';
import { partArguments, type Settings } from './settings.js';

/** What the programs say to main.ts. */
export type Said =
  /** How many fields a producer has promised. */
  | { readonly kind: 'promised'; readonly count: number }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'ready' }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'result'; readonly result: Result };

/** What main.ts says to those that have no end of their own: all others have ended. */
export type Word = 'end';

/** Counts, and times in ms. */
export type Result = { readonly [figure: string]: number | readonly number[] };

export interface Part {
  readonly pool: Pool;
  readonly settings: Settings;
  /** Of the member of the ensemble, or of the worker. */
  readonly number: number;
  /** The directory for what stays. */
  readonly out: string;
  promised(count: number): void;
  /** One more field, cut or product is through. */
  count(): void;
  note(text: string): void;
  /** It stands, and works from now on. */
  ready(): void;
  /** When main.ts has said so. */
  told(word: Word): Promise<void>;
  /**
   * Everybody who must be there before the first field is: producers have promised, brokers and
   * the contract have subscribed, the archiver requires what comes. One that is started again
   * comes to an empty place, and waits there until `signal`.
   */
  meet(signal?: AbortSignal): Promise<void>;
  /**
   * Producers before the last third of their fields, and who joins late. A forecast takes hours and
   * has a middle of its own; this one may be over before a process has started.
   */
  middle(): Promise<void>;
}

/** Nobody started it, or who did is gone: then so is this program. */
function tell(said: Said): void {
  if (process.connected) process.send?.(said);
}

/** Nothing is missed that main.ts says from now on. */
function listen(): (word: Word) => Promise<void> {
  const said = new Set<unknown>();
  const waiting = new Map<unknown, () => void>();
  process.on('message', (word) => {
    said.add(word);
    waiting.get(word)?.();
  });
  return (word) =>
    new Promise((resolve) => {
      if (said.has(word)) resolve();
      else waiting.set(word, resolve);
    });
}

/** Runs a program to its end; an error goes to standard error, and the exit code is 1. */
export async function runPart(name: string, body: (part: Part) => Promise<Result>): Promise<void> {
  const end = (): never => process.exit(1);
  process.once('disconnect', end);
  const told = listen();
  try {
    const { settings, number, out } = partArguments(process.argv.slice(2));
    const pool = await join({ member: `${name}[${number}]` });
    const { members, isConducted } = settings;
    let count = 0;
    const result = await body({
      ...{ pool, settings, number, out },
      promised: (all) => tell({ kind: 'promised', count: all }),
      count: () => tell({ kind: 'count', count: ++count }),
      note: (text) => tell({ kind: 'note', text: `${pool.memberName}: ${text}` }),
      ready: () => tell({ kind: 'ready' }),
      told,
      meet: (signal) =>
        pool.barrier('everybody', { members: 2 * members + (isConducted ? 2 : 1), signal }),
      middle: () => pool.barrier('middle', { members: members + 1 }),
    });
    await pool.leave();
    tell({ kind: 'result', result });
    process.off('disconnect', end);
    if (process.connected) process.disconnect();
  } catch (error) {
    const isExpected = error instanceof Error && 'code' in error;
    const text = isExpected ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${text}\n`, () => process.exit(1));
  }
}
