import { formatBytes } from '../../core/format-bytes.js';
import type { ValueMap } from '../../core/value.js';
import { formatDuration } from '../duration.js';
import { formatTable, formatValue, numberOf, printable, type Style, textOf } from '../format.js';

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

/** A table of what MEMBERS says. */
export function membersTable(members: readonly ValueMap[], style: Style): string {
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
  return formatTable(COLUMNS, rows, style);
}

function shortened(command: string): string {
  const text = printable(command);
  if (text.length <= COMMAND_CHARACTERS_MAX) return text;
  return `${text.slice(0, COMMAND_CHARACTERS_MAX - 3)}...`;
}
