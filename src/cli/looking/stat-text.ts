import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import type { ValueMap } from '../../core/value.js';
import {
  formatMap,
  formatShape,
  formatValue,
  listOf,
  mapOf,
  printable,
  type Style,
  textOf,
} from '../format.js';
import { partLines, statisticsText } from './statistics-text.js';

/** What STAT says of an object, in lines. */
export function statText(stat: ValueMap, bold: Style['bold']): string {
  const lines = [bold(printable(textOf(stat['name'])))];
  const add = (label: string, text: string): void => {
    if (text !== '' && text !== '-') lines.push(`  ${label.padEnd(11)} ${text}`);
  };
  const version = stat['version'];
  const of = stat['versions'];
  add('state', formatValue(stat['state']));
  if (typeof version === 'number')
    add('version', version === of ? `${version}` : `${version} of ${of}`);
  const bytes = stat['bytes'];
  if (typeof bytes === 'number') {
    add('bytes', bytes < 1024 ? `${bytes}` : `${bytes} (${formatBytes(bytes)})`);
    const order = stat['order'] === 'column' ? ', column major' : '';
    const endian = stat['byteOrder'] === 'big' ? ', big-endian' : '';
    add('space', `${formatValue(stat['dtype'])}, ${formatShape(stat['shape'])}${order}${endian}`);
    const scope = stat['scope'] === 'pool' ? 'kept by the pool' : 'until its provider leaves';
    add('parts', partsText(stat));
    add('consistency', formatValue(stat['consistency']));
    add('locks', formatValue(stat['locks']));
    add('provider', `${formatValue(stat['provider'])} (${scope})`);
    add('bytes in', formatValue(stat['level']));
  }
  const statistics = mapOf(stat['statistics']);
  if ('state' in statistics) lines.push(...statisticsText(statistics).map((line) => `  ${line}`));
  const parts = listOf(stat['partStatistics']);
  if (parts.length > 0) lines.push(...partLines(parts).map((line) => `  ${line}`));
  add('attributes', formatMap(stat['attributes']));
  add('tags', formatMap(stat['tags']));
  for (const label of ['requires', 'readers', 'handles']) add(label, formatValue(stat[label]));
  return lines.join('\n');
}

/** `2, 1,200 elements missing`; of a version that grows `2, 40 rows so far`. */
function partsText(stat: ValueMap): string {
  const { parts, rows, missing } = stat;
  if (typeof parts !== 'number') return '';
  if (typeof rows === 'number') return `${parts}, ${counted(rows, 'row')} so far`;
  const lacks = typeof missing === 'number' && missing > 0;
  return lacks ? `${parts}, ${counted(missing, 'element')} missing` : `${parts}`;
}
