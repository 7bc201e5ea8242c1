import { errorOf } from '../client/errors.js';
import type { Changed, ChangeOptions } from '../client/selecting.js';
import { counted } from '../core/counted.js';
import { AttaccaError } from '../core/errors.js';
import { quoted as selectorText } from '../core/selector/printer.js';
import type { Context } from './command.js';
import { Failures } from './failures.js';
import { quoted, textOf } from './format.js';
import { toJson } from './json.js';
import { forEachAtOnce } from './names.js';
import { print, say } from './output.js';
import type { PoolSession } from './pool/open.js';
import { Progress } from './progress.js';
import { type Chosen, sayUnknownKeys, selecting } from './where.js';

const NAMES_AT_ONCE = 1_024;

interface Options {
  readonly 'dry-run': boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What is done with the list of a collection. */
interface Gathering {
  readonly verb: 'put' | 'take';
  readonly past: 'put' | 'took';
  /** `into "train"`. */
  readonly where: string;
  all(selector: string, options: ChangeOptions): Promise<Changed>;
}

/**
 * Puts what was chosen into the list of a collection, or takes it out; returns the exit code. It
 * can be taken back, so nobody is asked.
 */
export async function gather(
  context: Context,
  session: PoolSession,
  options: Options,
  { chosen, how }: { readonly chosen: Chosen; readonly how: Gathering },
): Promise<number> {
  const failures = new Failures(context.command, options.json);
  if (chosen.kind === 'names') {
    await gatherNames(context, options, chosen.names, how, failures);
    return failures.end();
  }
  const { selector } = chosen;
  const done = await selecting(selector, () =>
    gatherSelected(context, session, options, selector, how),
  );
  if (done.selected === 0) await sayUnknownKeys(session.view, selector, options);
  addRefusals(done, failures);
  const code = failures.end(done.selected - done.changed - done.refused.length);
  tell(done, options, how);
  return code;
}

async function gatherNames(
  { signal }: Context,
  options: Options,
  names: readonly string[],
  { verb, where, all }: Gathering,
  failures: Failures,
): Promise<void> {
  const dryRun = options['dry-run'];
  await forEachAtOnce(names, NAMES_AT_ONCE, async (name) => {
    try {
      const done = await all(`name = ${selectorText(name)}`, { dryRun, signal });
      if (done.selected === 0) {
        const why = `Cannot ${verb} ${quoted(name)} ${where}: the pool has no such object`;
        throw new AttaccaError('unknown-object', why, { name });
      }
      const before = failures.count;
      addRefusals(done, failures);
      if (failures.count > before) return;
      if (options.json) {
        print(
          toJson(
            dryRun ? { name, refused: false } : { name, [verb === 'put' ? 'put' : 'taken']: true },
          ),
        );
      } else if (dryRun) print(`would ${verb} ${quoted(name)} ${where}`);
    } catch (error) {
      if (signal.aborted) throw error;
      failures.add(error);
    }
  });
}

async function gatherSelected(
  { signal }: Context,
  session: PoolSession,
  options: Options,
  selector: string,
  { verb, all }: Gathering,
): Promise<Changed> {
  let looked = 0;
  const text = (): string => `${verb}: ${counted(looked, 'object')} so far`;
  using _progress = new Progress(text, options.quiet, session.client.connection);
  const progress = (selected: number): void => {
    looked = selected;
  };
  return await all(selector, { dryRun: options['dry-run'], signal, progress });
}

function tell(
  { selected, changed }: Changed,
  { json, quiet, 'dry-run': dryRun }: Options,
  { verb, past, where }: Gathering,
): void {
  if (json) print(toJson({ selected, changed }));
  else if (dryRun) print(`would ${verb} ${counted(changed, 'object')} ${where}`);
  else if (!quiet) say(`${past} ${counted(changed, 'object')} ${where}`);
}

function addRefusals({ refused }: Changed, failures: Failures): void {
  for (const refusal of refused) {
    const name = textOf(refusal['name']);
    const code = textOf(refusal['code']);
    failures.add(errorOf({ code, message: textOf(refusal['message']), fields: { name } }));
  }
}
