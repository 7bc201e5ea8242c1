import { parseArgs } from 'node:util';

/** What the command line asks for. */
export type Wish =
  | { readonly kind: 'list' }
  | { readonly kind: 'help' }
  /** Tables of what `--json` has written. */
  | { readonly kind: 'markdown'; readonly files: readonly string[] }
  | {
      readonly kind: 'run';
      readonly names: readonly string[];
      readonly size: string | null;
      readonly rounds: number;
      readonly json: string | null;
      /** Contenders to leave out. */
      readonly without: readonly string[];
      /** Metrics whose comparisons are made, or contenders that take part beside the product. */
      readonly only: readonly string[];
      /** Directory for what goes to disk. */
      readonly directory: string | null;
      /** How long to wait for a busy machine before each measurement. */
      readonly quietMs: number;
    };

export const USAGE = `npm run bench -- NAME... [options]      npm run bench -- --list
                                           npm run bench -- --markdown FILE.json...

  --size S        size of the work, as --list names them
  --rounds N      rounds in which all contenders are measured in turn (default 5)
  --json FILE     also write the metrics as JSON; - for stdout
  --without A,B   leave these contenders out
  --only A,B      only the comparisons that have these metrics, or the product and these contenders
  --dir DIR       where files go that belong on a disk (default: the temporary directory)
  --quiet-ms MS   wait so long at most for others to leave the processors (default 10000)
`;

const ROUNDS_MAX = 1_000;
const QUIET_MS_MAX = 600_000;

/** Reads the command line; a wrong one is a TypeError that says why. */
export function parseWish(argv: readonly string[]): Wish {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      markdown: { type: 'boolean' },
      size: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
      without: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
      dir: { type: 'string' },
      'quiet-ms': { type: 'string', default: '10000' },
    },
  });
  if (values.help === true) return { kind: 'help' };
  if (values.list === true) return { kind: 'list' };
  if (values.markdown === true) {
    if (positionals.length > 0) return { kind: 'markdown', files: positionals };
    throw new TypeError('Cannot make tables of nothing: name files that --json has written');
  }
  if (positionals.length === 0) throw new TypeError('Cannot run nothing: name a benchmark');
  return {
    kind: 'run',
    names: positionals,
    size: values.size ?? null,
    rounds: whole('rounds', values.rounds, { least: 1, most: ROUNDS_MAX }),
    json: values.json ?? null,
    without: words(values.without),
    only: words(values.only),
    directory: values.dir ?? null,
    quietMs: whole('quiet-ms', values['quiet-ms'], { least: 0, most: QUIET_MS_MAX }),
  };
}

function whole(name: string, text: string, range: { least: number; most: number }): number {
  const number = Number(text);
  if (/^\d+$/u.test(text) && number >= range.least && number <= range.most) return number;
  throw new TypeError(
    `Cannot take --${name} "${text}": a whole number from ${range.least} to ${range.most} is due`,
  );
}

function words(text: string): string[] {
  return text.split(',').filter((word) => word !== '');
}
