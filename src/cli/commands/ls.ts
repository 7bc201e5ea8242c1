import { counted } from '../../core/counted.js';
import type { ValueMap } from '../../core/value.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { numberOf, printable, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { compareBytes, compareNames, objectsTable } from '../looking/objects-table.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, printRaw, say, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';

/** Written at a time: a million names are no single string. */
const LINES_AT_ONCE = 4_096;

export const command = defineCommand({
  usage: ['[GLOB]'],
  about: `
    Lists the names of objects that match GLOB (* any run of characters, ? one, [a-z] one of a set),
    in the order of their bytes; without GLOB all of them. Quote it, or the shell takes it for files.`,
  options: {
    long: {
      type: 'boolean',
      short: 'l',
      help: 'a table: state, version, bytes, dtype, shape, scope, provider',
    },
    attributes: { type: 'boolean', short: 'A', help: 'attributes and tags too, with -l' },
    null: { type: 'boolean', short: '0', help: 'end each name with NUL, not a newline' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ["attacca ls -l 't/*'", 'a table'],
    ["attacca ls 't/*' | attacca get - -d fields", 'names for another command'],
    ["attacca ls --json | jq 'select(.bytes > 1e6) | .name'", 'with jq'],
  ],
  async run(context, { options, words }) {
    const [glob = '*', ...more] = words;
    if (more.length > 0) {
      throw new UsageError('it takes one GLOB; quote it, so that the shell does not fill it in');
    }
    await using session = await openPool(context, options);
    const { view } = session;
    const { signal } = context;
    if (options.json || options.long || options.attributes) {
      const rows: ValueMap[] = [];
      for await (const row of view.list(glob, { detail: true, signal })) rows.push(row);
      rows.sort(compareNames);
      if (options.json) printAll(rows.map(toJson), '\n');
      else printTable(rows, options.attributes, context.environment, options.quiet);
      return EXIT.ok;
    }
    const names: string[] = [];
    for await (const name of view.list(glob, { signal })) names.push(name);
    names.sort(compareBytes);
    // To a program names go as they are; on a terminal they must not move the cursor.
    const shown = stdoutIsTerminal() ? names.map(printable) : names;
    printAll(shown, options.null ? '\0' : '\n');
    return EXIT.ok;
  },
});

function printAll(lines: readonly string[], end: string): void {
  for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
    printRaw(lines.slice(at, at + LINES_AT_ONCE).join(end) + end);
  }
}

function printTable(
  rows: readonly ValueMap[],
  attributes: boolean,
  environment: NodeJS.ProcessEnv,
  quiet: boolean,
): void {
  print(objectsTable(rows, { attributes }, styleFor(stdoutIsTerminal(), environment)));
  if (quiet) return;
  const bytes = rows.reduce((sum, row) => sum + numberOf(row['bytes']), 0);
  if (stdoutIsTerminal()) say(`${counted(rows.length, 'object')}, ${formatBytes(bytes)}`);
}
