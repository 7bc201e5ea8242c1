import { counted } from '../../core/counted.js';
import type { Value } from '../../core/value.js';
import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { mapOf, quoted, textOf } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { poolAddress } from '../pool/open.js';
import { stopPool } from '../pool/stop.js';

const TOLD_MAX = 20;

export const command = defineCommand({
  usage: ['[NAME]'],
  about: `
    Stops the pool, and returns when it is gone. While somebody still requires something it is not
    stopped: what is required is named, and the exit code is 1. Objects that the pool keeps go with
    it, unless it has a directory (--data) to keep them in.`,
  options: {
    force: { type: 'boolean', short: 'f', help: 'although something is still required' },
    timeout: { type: 'string', value: 'TIME', help: 'how long it may take (default: 30s)' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca stop', 'that of $ATTACCA_POOL'],
    ['attacca stop weather --force', 'by its name, whatever is left'],
  ],
  async run(context, { options, words }) {
    const [name, ...more] = words;
    if (more.length > 0) throw new UsageError('it takes one NAME');
    if (name !== undefined && options.pool !== undefined) {
      throw new UsageError('say the NAME or --pool, not both');
    }
    const address = poolAddress(name ?? options.pool, context.environment);
    const said = nameOrAddress(name ?? options.pool, address);
    const { required: rows, isKept } = await stopPool(context, {
      pool: address,
      force: options.force,
      deadlineMs: stopMs(options.timeout),
    });
    if (rows === null) {
      const kept = isKept ? '; what it keeps is there when its --data is served again' : '';
      if (options.json) print(toJson({ stopped: true, address, kept: isKept }));
      else if (!options.quiet) say(`stopped ${said}${kept}`);
      return EXIT.ok;
    }
    // Who waits for what it requires, or requires it twice, is one who does.
    const required = [...new Map(rows.map((row) => [requiredText(row), row]))];
    if (options.json) {
      print(toJson({ stopped: false, address, required: required.map(([, row]) => row) }));
      return EXIT.failed;
    }
    const names = new Set(rows.map((row) => textOf(row['name'])));
    const what = counted(names.size, 'object is', 'objects are');
    say(`attacca stop: ${said} goes on: ${what} still required; --force stops it anyway`);
    for (const [text] of required.slice(0, TOLD_MAX)) say(`  ${text}`);
    if (required.length > TOLD_MAX) say(`  ... and ${required.length - TOLD_MAX} more`);
    return EXIT.failed;
  },
});

/** The pool as the user calls it. */
function nameOrAddress(asked: string | undefined, address: string): string {
  return asked === undefined || /^(?:unix:|tcp:|\/)/u.test(asked) ? address : quoted(asked);
}

/** A timer takes no more than an int32 of milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;

function stopMs(timeout: string | undefined): number | undefined {
  const ms = parseTimeout(timeout);
  return ms === undefined ? undefined : Math.min(ms, TIMER_MS_MAX);
}

function requiredText(row: Value): string {
  const { name, member } = mapOf(row);
  return `${quoted(textOf(name))} is required by ${textOf(member)}`;
}
