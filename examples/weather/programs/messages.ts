/** What a program says to the demo that started it. */
import type { Counts, TallyResult } from './tally.js';

export type ProgramMessage =
  /** All that it needs is required. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly counts: Readonly<Counts> }
  | { readonly kind: 'result'; readonly result: TallyResult };

/** Does nothing when no demo listens: each program runs by itself too. */
export function tell(message: ProgramMessage): void {
  process.send?.(message);
}

/** Returns when it has left this process: a long message takes a while, the end does not wait. */
export async function tellLast(message: ProgramMessage): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    if (process.send === undefined) resolve();
    else process.send(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
