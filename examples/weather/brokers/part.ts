/** The frame around each program with brokers: its pool, its words to main.ts, its end. */
import { join, type Pool } from 'attacca';
import { partArguments, type Settings } from './settings.js';

/** What the programs say to main.ts. */
export type Said =
  /** How many fields a producer has promised. */
  | { readonly kind: 'promised'; readonly count: number }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'result'; readonly result: Result };

/** Counts, and times in ms. */
export type Result = { readonly [figure: string]: number | readonly number[] };

export interface Part {
  readonly pool: Pool;
  readonly settings: Settings;
  /** Of the member of the ensemble, or of the worker. */
  readonly number: number;
  readonly out: string | undefined;
  promised(count: number): void;
  /** One more field, cut or product is through. */
  count(): void;
  note(text: string): void;
  /**
   * Everybody who must be there before the first field is: producers have promised, brokers and
   * the contract have subscribed.
   */
  meet(): Promise<void>;
}

/** Nobody started it, or who did is gone: then so is this program. */
function tell(said: Said): void {
  if (process.connected) process.send?.(said);
}

/** Runs a program to its end; an error goes to standard error, and the exit code is 1. */
export async function runPart(name: string, body: (part: Part) => Promise<Result>): Promise<void> {
  const end = (): never => process.exit(1);
  process.once('disconnect', end);
  try {
    const { settings, number, out } = partArguments(process.argv.slice(2));
    const pool = await join({ member: `${name}[${number}]` });
    const { members } = settings;
    let count = 0;
    const result = await body({
      ...{ pool, settings, number, out },
      promised: (all) => tell({ kind: 'promised', count: all }),
      count: () => tell({ kind: 'count', count: ++count }),
      note: (text) => tell({ kind: 'note', text: `${pool.memberName}: ${text}` }),
      meet: () => pool.barrier('everybody', { members: 2 * members + 1 }),
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
