/** What a program says when it is through: bytes, and counts, by what they are. */
export interface Tally {
  readonly kind: 'tally';
  readonly program: 'writer' | 'reader';
  readonly counts: Readonly<Record<string, number>>;
}

/** The first writer has written an output. */
export interface Progress {
  readonly kind: 'progress';
  readonly step: number;
  readonly time: number;
}

export function isProgress(message: unknown): message is Progress {
  return isOfKind(message, 'progress');
}

export function isTally(message: unknown): message is Tally {
  return isOfKind(message, 'tally');
}

function isOfKind(message: unknown, kind: string): boolean {
  return (
    typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind
  );
}

/** Returns when it has left this process. */
export async function tell(message: Tally | Progress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    if (process.send === undefined) resolve();
    else process.send(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
