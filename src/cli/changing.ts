import { isatty } from 'node:tty';
import type { Changed, ChangeOptions } from '../client/selecting.js';
import { counted } from '../core/counted.js';
import { AttaccaError, isErrorCode } from '../core/errors.js';
import { quoted as selectorText } from '../core/selector/printer.js';
import type { ValueMap } from '../core/value.js';
import type { Context } from './command.js';
import { EXIT, ExitWith, UsageError } from './exit.js';
import { Failures } from './failures.js';
import { printable, quoted, textOf } from './format.js';
import { chunksOf } from './input.js';
import { toJson } from './json.js';
import { forEachAtOnce } from './names.js';
import { ask, print, say, stderrIsTerminal } from './output.js';
import type { PoolSession } from './pool/open.js';
import { Progress } from './progress.js';
import { reportError } from './report.js';
import { type Chosen, chosenBy, NAMES_OPTIONS, sayUnknownKeys, selecting } from './where.js';

const STDIN = 0;
const NAMES_AT_ONCE = 1_024;
/** Of those that would be changed, so many are named. */
const NAMED_MAX = 5;

/** Options of a command that changes objects, by their names or by a selector. */
export const CHANGE_OPTIONS = {
  ...NAMES_OPTIONS,
  'dry-run': { type: 'boolean', short: 'n', help: 'change nothing, only say what would be done' },
  yes: { type: 'boolean', short: 'y', help: 'with --where on a terminal: do not ask' },
} as const;

interface Options {
  readonly where: string | undefined;
  readonly null: boolean;
  readonly 'dry-run': boolean;
  readonly yes: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What is done to objects. */
interface Change {
  readonly verb: 'withdraw' | 'delete' | 'tag' | 'untag';
  readonly past: 'withdrew' | 'deleted' | 'tagged' | 'untagged';
  /** To one, by its name. */
  one(name: string): Promise<void>;
  /** Prints what would be done to one; left out, in the words of the pool. */
  readonly plan?: (name: string) => Promise<void>;
  /** To all that a selector selects. */
  all(selector: string, options: ChangeOptions): Promise<Changed>;
}

/**
 * What a command is to change. An empty selector, as of a variable that is not set, would be all
 * that the pool has: who means that says `true`.
 */
export async function chosenToChange(words: readonly string[], options: Options): Promise<Chosen> {
  if (options.where?.trim() === '') {
    throw new UsageError('"--where" is empty, which selects everything; say true if that is meant');
  }
  return await chosenBy(words, options);
}

/** Changes what was chosen, or says what would be; returns the exit code. */
export async function change(
  context: Context,
  session: PoolSession,
  options: Options,
  { chosen, how }: { readonly chosen: Chosen; readonly how: Change },
): Promise<number> {
  if (chosen.kind === 'names') return await new ByName(context, options, how).run(chosen.names);
  const { selector } = chosen;
  const all = new BySelector(context, session, options, { selector, how });
  return await selecting(selector, () => (options['dry-run'] ? all.plan() : all.run()));
}

class ByName {
  readonly #context: Context;
  readonly #options: Options;
  readonly #how: Change;
  readonly #failures: Failures;

  constructor(context: Context, options: Options, how: Change) {
    this.#context = context;
    this.#options = options;
    this.#how = how;
    this.#failures = new Failures(context.command, options.json);
  }

  async run(names: readonly string[]): Promise<number> {
    const { signal } = this.#context;
    const { past, one, plan } = this.#how;
    const { json } = this.#options;
    await forEachAtOnce(names, NAMES_AT_ONCE, async (name) => {
      try {
        if (this.#options['dry-run']) await (plan ?? this.#plan.bind(this))(name);
        else {
          await one(name);
          if (json) print(toJson({ name, [past === 'withdrew' ? 'withdrawn' : past]: true }));
        }
      } catch (error) {
        if (signal.aborted) throw error;
        this.#failures.add(error);
      }
    });
    return this.#failures.end();
  }

  /** The pool says what it would do, by a selector that selects this one. */
  async #plan(name: string): Promise<void> {
    const { signal } = this.#context;
    const selector = `name = ${selectorText(name)}`;
    const { selected, changed, refused } = await this.#how.all(selector, { dryRun: true, signal });
    if (selected === 0) {
      const why = `Cannot find ${quoted(name)}: the pool has no such object`;
      throw new AttaccaError('unknown-object', why, { name });
    }
    const { verb } = this.#how;
    const [refusal] = refused;
    if (this.#options.json) {
      print(toJson({ name, changed: changed > 0, refused: refusal !== undefined }));
    } else if (refusal !== undefined) print(refusalText(verb, refusal));
    else if (changed > 0) print(`would ${verb} ${quoted(name)}`);
    else print(`would not ${verb} ${quoted(name)}: it is so already`);
  }
}

class BySelector {
  readonly #context: Context;
  readonly #session: PoolSession;
  readonly #options: Options;
  readonly #selector: string;
  readonly #how: Change;

  constructor(
    context: Context,
    session: PoolSession,
    options: Options,
    { selector, how }: { readonly selector: string; readonly how: Change },
  ) {
    this.#context = context;
    this.#session = session;
    this.#options = options;
    this.#selector = selector;
    this.#how = how;
  }

  /** Says what would be done, and changes nothing. */
  async plan(): Promise<number> {
    const { signal } = this.#context;
    const { verb, all } = this.#how;
    const { selected, changed, refused } = await all(this.#selector, { dryRun: true, signal });
    if (selected === 0) await this.#sayUnknown();
    const untold = selected - changed - refused.length;
    const isRefused = new Set(refused.map((refusal) => textOf(refusal['name'])));
    // Where not all that are refused are known, nobody knows which are not.
    const names = changed === 0 || untold > 0 ? [] : await this.#firstNames(isRefused);
    if (this.#options.json) {
      const moreNames = changed - names.length;
      print(toJson({ selected, changed, names, moreNames, refused }));
      return EXIT.ok;
    }
    const more = changed > names.length ? ', ...' : '';
    const named = names.length === 0 ? '' : `: ${names.map(quoted).join(', ')}${more}`;
    print(`would ${verb} ${counted(changed, 'object')}${named}`);
    for (const refusal of refused) print(refusalText(verb, refusal));
    if (untold > 0) print(`would not ${verb} ${counted(untold, 'other')}`);
    return EXIT.ok;
  }

  /** Changes all that is selected; on a terminal, when that was said to be right. */
  async run(): Promise<number> {
    const { signal, command } = this.#context;
    const { json, quiet } = this.#options;
    const expected = await this.#agreed();
    if (expected === 0) return await this.#nothing();
    let looked = 0;
    const { verb, past, all } = this.#how;
    const total = expected === null ? ' so far' : ` of ${counted(expected, 'object')}`;
    using _progress = new Progress(
      () => `${verb}: ${counted(looked, 'object')}${total}`,
      quiet,
      this.#session.client.connection,
    );
    const progress = (selected: number): void => {
      looked = selected;
    };
    let done: Changed;
    try {
      done = await all(this.#selector, { signal, progress });
    } catch (error) {
      if (!signal.aborted) throw looked === 0 ? error : cutShort(verb, looked, error);
      reportError(command, cutShort(verb, looked, signal.reason), json);
      throw error;
    }
    const { selected, changed, refused } = done;
    const failures = new Failures(command, json);
    for (const refusal of refused) failures.add(refusalError(verb, refusal));
    const code = failures.end(selected - changed - refused.length);
    if (selected === 0) await this.#sayUnknown();
    if (json) print(toJson({ selected, changed }));
    else if (!quiet) say(`${past} ${counted(changed, 'object')}`);
    return code;
  }

  /** How many there are, where somebody was asked and has agreed; null where nobody is. */
  async #agreed(): Promise<number | null> {
    if (this.#options.yes || !isatty(STDIN) || !stderrIsTerminal()) return null;
    const { signal } = this.#context;
    const count = await this.#session.view.count(this.#selector, { signal });
    if (count === 0) return 0;
    ask(`${this.#how.verb} ${counted(count, 'object')}? [y/N]`);
    if (isYes(await typedLine(signal))) return count;
    say('nothing was changed');
    throw new ExitWith(EXIT.failed);
  }

  async #nothing(): Promise<number> {
    if (!this.#options.quiet) say('nothing is selected');
    await this.#sayUnknown();
    return EXIT.ok;
  }

  async #sayUnknown(): Promise<void> {
    await sayUnknownKeys(this.#session.view, this.#selector, this.#options);
  }

  /** The first of those that would be changed. */
  async #firstNames(isRefused: ReadonlySet<string>): Promise<readonly string[]> {
    const names: string[] = [];
    const { signal } = this.#context;
    for await (const name of this.#session.view.query(this.#selector, { detail: 'name', signal })) {
      if (!isRefused.has(name)) names.push(name);
      if (names.length === NAMED_MAX) break;
    }
    return names;
  }
}

/** What was done until then stays done; of the part that was under way nobody knows. */
function cutShort(verb: string, looked: number, cause: unknown): AttaccaError {
  const code = cause instanceof AttaccaError ? cause.code : 'aborted';
  const why = cause instanceof Error ? cause.message : String(cause);
  const so = `after ${counted(looked, 'object')} (${why}); some of the next may be done as well`;
  return new AttaccaError(code, `Cannot ${verb} all: it ended ${so}`, { looked }, { cause });
}

/** What is typed until the end of the line. */
async function typedLine(signal: AbortSignal): Promise<string> {
  let line = '';
  for await (const chunk of chunksOf(STDIN, signal)) {
    line += new TextDecoder().decode(chunk);
    if (line.includes('\n')) break;
  }
  return line.trim();
}

function isYes(answer: string): boolean {
  return /^y(?:es)?$/iu.test(answer);
}

function refusalError(verb: string, refusal: ValueMap): AttaccaError {
  const code = textOf(refusal['code']);
  const name = textOf(refusal['name']);
  // Of a later pool there may be codes that are not known here.
  const known = isErrorCode(code) ? code : 'internal';
  const message = textOf(refusal['message']);
  return new AttaccaError(known, message || `Cannot ${verb} ${quoted(name)}`, { name });
}

/** Messages read `Cannot <action> "<name>": <why>`. */
function refusalText(verb: string, refusal: ValueMap): string {
  const name = textOf(refusal['name']);
  const message = textOf(refusal['message']);
  const lead = `"${name}": `;
  const at = message.indexOf(lead);
  const why = at < 0 ? message : message.slice(at + lead.length);
  return `would not ${verb} ${quoted(name)}: ${printable(why)}`;
}
