import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import type { ValueMap } from '../../core/value.js';
import { formatDuration } from '../duration.js';
import { listOf, mapOf, numberOf, printable, quoted, type Style, textOf } from '../format.js';

/** A line of what INFO says; one without a label goes on with the line before. */
export type InfoLine = readonly [label: string, text: string];

export function infoText(lines: readonly InfoLine[], bold: Style['bold']): string {
  return lines.map(([label, text]) => `${bold(label.padEnd(12))} ${text}`).join('\n');
}

/** The pool's own time, which stands still while no server runs. */
export function ageLine(info: ValueMap): InfoLine {
  const ms = numberOf(mapOf(info['pool'])['upMs']);
  return ['age', `${formatDuration(ms)}, in which it was served`];
}

export function poolLine(info: ValueMap): InfoLine {
  const pool = mapOf(info['pool']);
  const stopping = pool['stopping'] === true ? ', stopping' : '';
  return ['pool', `${printable(textOf(pool['name']))} (${textOf(pool['id'])}${stopping})`];
}

/** What the pool holds, and its memory. */
/** The events that are kept, and who is told of them. */
function eventLines(events: ValueMap): InfoLine[] {
  const number = (name: string): number => numberOf(events[name]);
  const kept = counted(number('end') - number('first'), 'event');
  const told = counted(number('subscriptions'), 'subscription');
  const behind = number('behind') === 0 ? '' : ` (${number('behind')} behind)`;
  const held = number('held') === 0 ? '' : `, ${counted(number('held'), 'operation')} held`;
  const pinned =
    number('standing') === 0 ? '' : `, ${counted(number('pinned'), 'object')} kept for them`;
  const lines = `${kept} in ${formatBytes(number('bytes'))}, ${told}${behind}${pinned}${held}`;
  return [['events', lines]];
}

/** Where members wait for one another. */
function barrierLines(info: ValueMap): InfoLine[] {
  return listOf(info['barriers']).map((each) => {
    const { name, members, here } = mapOf(each);
    const who = listOf(here).map((one) => printable(textOf(one)));
    const come = `${who.length} of ${numberOf(members)} have come: ${who.join(', ')}`;
    return ['barrier', `${quoted(textOf(name))}: ${come}`];
  });
}

export function countLines(info: ValueMap): InfoLine[] {
  const counts = mapOf(info['counts']);
  const memory = mapOf(info['memory']);
  const count = (name: string, one: string): string => counted(numberOf(counts[name]), one);
  const manager = mapOf(info['manager']);
  const bytes = (name: string): string => formatBytes(numberOf(memory[name]));
  const managerBytes = (name: string): string => formatBytes(numberOf(manager[name]));
  return [
    ['objects', `${count('objects', 'object')}, ${count('versions', 'version')}`],
    [
      'members',
      `${count('members', 'member')} in ${count('sessions', 'session')}, ` +
        `${count('handles', 'handle')}, ${count('promises', 'promise')}`,
    ],
    [
      'waits',
      `${count('requires', 'open require')}, ${count('waits', 'wait')}, ` +
        `${count('readers', "reader's lease")}`,
    ],
    ...barrierLines(info),
    [
      'memory',
      `${bytes('total')} of at most ${bytes('limit')}: ${bytes('offered')} offered, ` +
        `${bytes('leased')} leased, ${bytes('free')} free (${bytes('reserved')} of it reserved)`,
    ],
    ...eventLines(mapOf(info['events'])),
    ['in messages', `${bytes('inline')} of at most ${bytes('inlineLimit')}`],
    [
      'catalog',
      `${managerBytes('tableBytes')} of tables, ${managerBytes('indexBytes')} of index, ` +
        `${managerBytes('arenaBytesUsed')} of names, attributes and tags`,
    ],
  ];
}

/** Says that memory is waited for, if it is. */
export function memoryWaitLines(info: ValueMap): InfoLine[] {
  const waiting = numberOf(mapOf(info['memory'])['waiting']);
  if (waiting === 0) return [];
  return [['', `${counted(waiting, 'request')} for memory waits: it is full`]];
}
