import { formatBytes } from '../../levels/shm/sizing.js';
import { defineCommand } from '../command.js';
import { formatDuration } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { formatTable, formatValue, numberOf, printable, styleFor, textOf } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';

const COLUMNS = [
  { head: 'MEMBER' },
  { head: 'HOST' },
  { head: 'PID', right: true },
  { head: 'SINCE', right: true },
  { head: 'OFFERS', right: true },
  { head: 'BYTES', right: true },
  { head: 'LEASED', right: true },
  { head: 'REQUIRES', right: true },
  { head: 'COMMAND' },
];
const COMMAND_CHARACTERS_MAX = 60;

export const command = defineCommand({
  usage: [''],
  about: `
    Lists who has joined the pool: where it runs, since when, how many objects it offers and requires,
    the bytes it has offered and the memory it has leased and not offered yet.`,
  options: { ...POOL_OPTION, ...COMMON_OPTIONS },
  examples: [['attacca members --json', 'one JSON object a line']],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    await using session = await openPool(context, options);
    const members = await session.view.members();
    if (options.json) {
      for (const member of members) print(toJson(member));
      return EXIT.ok;
    }
    const rows = members.map((member) => [
      printable(textOf(member['name'])),
      formatValue(member['host']),
      formatValue(member['pid']),
      formatDuration(numberOf(member['sinceMs'])),
      formatValue(member['offers']),
      formatBytes(numberOf(member['bytesOffered'])),
      formatBytes(numberOf(member['bytesLeased'])),
      formatValue(member['requires']),
      shortened(textOf(member['command'])),
    ]);
    print(formatTable(COLUMNS, rows, styleFor(stdoutIsTerminal(), context.environment)));
    return EXIT.ok;
  },
});

function shortened(command: string): string {
  const text = printable(command);
  if (text.length <= COMMAND_CHARACTERS_MAX) return text;
  return `${text.slice(0, COMMAND_CHARACTERS_MAX - 3)}...`;
}
