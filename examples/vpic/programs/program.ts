import { join, type Pool } from 'attacca';
import type { Plan } from '../plan.js';
import { type Tally, tell } from './messages.js';

export interface Program {
  readonly pool: Pool;
  readonly plan: Plan;
  readonly index: number;
}

/** Runs one of the programs: its number and the plan are its arguments. */
export async function runProgram(
  program: Tally['program'],
  run: (program: Program) => Promise<Tally['counts']>,
): Promise<void> {
  const [index, plan] = process.argv.slice(2);
  const deserted = (): void => process.exit(1);
  process.once('disconnect', deserted);
  const pool = await join({ member: `${program}[${index}]` });
  const counts = await run({ pool, plan: JSON.parse(plan ?? '') as Plan, index: Number(index) });
  await pool.leave();
  await tell({ kind: 'tally', program, counts });
  process.off('disconnect', deserted);
  process.disconnect();
}
