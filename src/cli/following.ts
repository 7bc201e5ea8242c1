import { stat } from 'node:fs/promises';
import {
  type MissedSteps,
  type RequireAllOptions,
  requireAll,
} from '../client/events/required-all.js';
import { forgetSubscription } from '../client/events/subscription.js';
import type { WaitOptions } from '../client/options.js';
import type { Delivered } from '../client/received.js';
import type { Shaping } from '../client/shaping.js';
import { counted } from '../core/counted.js';
import { AttaccaError } from '../core/errors.js';
import type { Context } from './command.js';
import { EXIT, UsageError } from './exit.js';
import { Failures } from './failures.js';
import type { FollowOptions } from './follow-options.js';
import { toJson } from './json.js';
import { print, say } from './output.js';
import type { Located } from './pool/located.js';
import { joinPool } from './pool/open.js';
import type { Writable } from './pool/sink.js';
import { Progress } from './progress.js';
import { Transfer } from './transfer.js';
import { promisedText, sayNothingPromised } from './wait-line.js';
import { sayMistypedKeys, selecting } from './where.js';

/** What is written of an object, whoever brought it here. */
export type Got = Writable & Pick<Located, 'name' | 'version' | 'size' | 'attributes'>;

/** Writes all that a selector selects, as it comes; each is done when it is written. */
export async function getAll(
  context: Context,
  selector: string,
  options: Parameters<typeof joinPool>[1] &
    FollowOptions & {
      readonly json: boolean;
      readonly quiet: boolean;
      readonly directory: string | undefined;
    },
  of: Pick<Shaping, 'region' | 'unpack'> & Pick<WaitOptions, 'timeoutMs'>,
  write: (object: Got, onBytes: (count: number) => void) => Promise<void>,
): Promise<number> {
  const { signal } = context;
  const asked: RequireAllOptions = {
    ...{ ...of, signal, group: options.share, ahead: numberOf('--ahead', options.ahead) },
    queue: options.queue,
    latest: options.latest,
    onMissed: (missed) => tellMissed(missed, options),
    until: options.complete ? 'complete' : undefined,
  };
  const most = numberOf('--count', options.count) ?? Number.POSITIVE_INFINITY;
  const failures = new Failures(context.command, options.json);
  const transfer = new Transfer();
  let done = 0;
  const { session, seat } = await joinPool(context, options);
  await using _session = session;
  if (options.forget) {
    await forgetSubscription(seat, options.share ?? '');
    return EXIT.ok;
  }
  const onFailure = (error: Error): void => failures.add(error);
  const all = await selecting(selector, async () => {
    return await requireAll<Delivered>(seat, selector, { ...asked, onFailure });
  });
  await sayMistypedKeys(session.view, selector, options);
  const line = async (): Promise<string> => {
    const got = `following: ${counted(done, 'object')}, ${transfer.text}`;
    return got + (options.complete ? await promisedText(session.view) : '');
  };
  using _progress = new Progress(line, options.quiet, session.client.connection);
  using _told = sayNothingPromised(session.view, 'get', options);
  try {
    for (let object = await all.next(); object !== null; object = await all.next()) {
      transfer.expect(object.size);
      try {
        await write(gotOf(object), transfer.add);
        done++;
      } catch (error) {
        // One whose name can be no file here would end each command that goes on, for ever.
        if (!(await isOfOne(error, options.directory))) throw error;
        failures.add(error);
      }
      // It is done: what is on the disk does not come again, whatever ends this.
      await object.dispose();
      if (done >= most) break;
    }
  } finally {
    await all.close();
  }
  return failures.end();
}

/** What the system says of one name, where others may be files. */
const OF_ONE: ReadonlySet<unknown> = new Set([
  ...['ENAMETOOLONG', 'ENOTDIR', 'EISDIR', 'EEXIST', 'EINVAL', 'EILSEQ'],
]);

/** Whether an object cannot be a file in the directory, and another one may. */
async function isOfOne(error: unknown, directory: string | undefined): Promise<boolean> {
  if (!(error instanceof AttaccaError)) return false;
  if (error.code === 'bad-name') return true;
  if (error.code !== 'file-error' || !OF_ONE.has(error.fields['system'])) return false;
  const found = await stat(directory ?? '.').catch(() => null);
  return found?.isDirectory() === true;
}

function tellMissed(
  missed: MissedSteps,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): void {
  const { from, to, steps } = missed;
  if (json) print(toJson({ missed: { from, to, steps } }));
  else if (!quiet)
    say(`missed ${counted(steps, 'step')}: ${from === to ? from : `${from}..${to}`}`);
}

function gotOf(object: Delivered): Got {
  const { name, version, size, space, attributes } = object;
  return {
    ...{ name, version, size, space, attributes },
    async *chunks() {
      yield object.unsafeBytes();
    },
  };
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/u.test(text)) return Number(text);
  throw new UsageError(`${option} is a number from 1 on, not "${text}"`);
}
