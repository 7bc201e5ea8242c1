import type { FacetOptions, FacetValues, Histogram } from '../../client/faceting.js';
import { counted } from '../../core/counted.js';
import { printSelector } from '../../core/selector/printer.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { formatValue, quoted, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { rangesText, valuesText } from '../looking/facets-text.js';
import { rangesOf } from '../looking/ranges.js';
import { COMMON_OPTIONS, POOL_OPTION, parseCount } from '../options.js';
import { print, say, stdoutColumns } from '../output.js';
import { openPool } from '../pool/open.js';
import { checkedSelector, sayUnknownKeys, selecting, WHERE_OPTION } from '../where.js';

const RANGES_DEFAULT = 24;

export const command = defineCommand({
  usage: ['KEY', 'KEY --histogram'],
  about: `
    Prints the values that an attribute or tag has, and how many objects have each, the most frequent
    first; with --histogram how many have a number, or a timestamp, in which range. The widths of
    ranges are powers of two (of timestamps in nanoseconds, shown cut); an end is not in its range.
    With --json all is one object, of a histogram one for numbers and one for timestamps.`,
  options: {
    ...WHERE_OPTION,
    limit: {
      type: 'string',
      value: 'N',
      help: `at most so many values (default: 1000), or ranges (default: ${RANGES_DEFAULT})`,
    },
    histogram: { type: 'boolean', help: 'ranges of numbers and timestamps' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca facets param', 'which there are'],
    ['attacca facets step -w \'param = "t"\' --histogram', 'where the steps lie'],
    ['attacca facets .provider --limit 5', 'who offers most'],
  ],
  async run(context, { options, words }) {
    const [key, ...more] = words;
    if (key === undefined || key === '' || more.length > 0)
      throw new UsageError('it takes one KEY');
    const limit = options.limit === undefined ? undefined : parseCount(options.limit, '--limit');
    const selector = await checkedSelector(options.where ?? '');
    await using session = await openPool(context, options);
    const { view } = session;
    const columns = stdoutColumns();
    const isTerminal = columns !== null;
    const page = { columns, style: styleFor(isTerminal, context.environment) };
    const { json, quiet } = options;
    const asked: FacetOptions = { selector, signal: context.signal };
    await selecting(selector, async () => {
      if (!options.histogram) {
        const found = await view.facets(key, { ...asked, limit });
        print(json ? toJson({ ...found, values: [...found.values] }) : valuesText(found, page));
        if (!json && !quiet) for (const line of restOf(found, isTerminal)) say(line);
        if (found.objects === 0) await sayUnknownKeys(view, having(key, selector), options);
        return;
      }
      const histograms = await view.histograms(key, asked);
      for (const histogram of histograms) {
        const ranges = rangesOf(histogram, limit ?? RANGES_DEFAULT);
        if (json) {
          const bins = ranges.map(({ from, to, count }) => ({ from, to, count }));
          const { of, objects, least, most } = histogram;
          print(toJson({ key, of, objects, least, most, bins }));
        } else {
          print(rangesText(ranges, page));
          if (!quiet && (isTerminal || histograms.length > 1)) say(endsOf(histogram));
        }
      }
      if (histograms.length === 0 && !json && !quiet) {
        say(`no number and no timestamp is found as ${quoted(key)}`);
      }
      if (histograms.length === 0) await sayUnknownKeys(view, having(key, selector), options);
    });
    return EXIT.ok;
  },
});

/** What selects the objects that are counted. */
function having(name: string, selector: string): string {
  const has = printSelector({ kind: 'has', key: { kind: 'name', name, at: 0 }, at: 0 });
  return selector.trim() === '' ? has : `${has} and (${selector})`;
}

/** What the table does not say: its sum to people, what is amiss to all. */
function restOf(found: FacetValues, isTerminal: boolean): string[] {
  const { objects, otherValues, otherObjects, isExact } = found;
  const sum = objects === 1 ? '1 object has it' : `${counted(objects, 'object')} have it`;
  const others = `${counted(otherValues, 'other value')}, of ${counted(otherObjects, 'object')}`;
  return [
    ...(isTerminal ? [sum] : []),
    ...(otherValues > 0 ? [others] : []),
    ...(isExact ? [] : ['counts of values that are rare may be too low: there are very many']),
  ];
}

function endsOf({ of, objects, least, most }: Histogram): string {
  const what = of === 'numbers' ? 'a number' : 'a timestamp';
  return `${counted(objects, 'object')} with ${what}, from ${formatValue(least)} to ${formatValue(most)}`;
}
