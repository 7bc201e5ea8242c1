import { createInterface } from 'node:readline';
import { isReply, type Reply } from './reply.js';

export type Verbs = Readonly<Record<string, (request: Reply) => Promise<object> | object>>;

/** Nanoseconds of CLOCK_MONOTONIC: one clock for all processes of a host. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/**
 * The participant's side: serves its verbs until stdin ends, then ends the process. Requests are
 * served as they come, also while an earlier one is under way.
 */
export function takePart(verbs: Verbs): void {
  const answer = (message: object): void => {
    process.stdout.write(`${JSON.stringify(message)}\n`);
  };
  const serve = async (line: string): Promise<void> => {
    const request: unknown = JSON.parse(line);
    if (!isReply(request)) throw new TypeError('Cannot serve what is no object');
    const { id } = request;
    try {
      const verb = verbs[String(request['do'])];
      if (verb === undefined) throw new TypeError(`Cannot do "${String(request['do'])}"`);
      answer({ id, ok: await verb(request) });
    } catch (error) {
      answer({
        id,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void serve(line));
  lines.on('close', () => process.exit(0));
  answer({ id: 0, ok: { clock: nowNs() } });
}
