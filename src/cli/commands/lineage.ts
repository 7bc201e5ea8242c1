import { writeFile } from 'node:fs/promises';
import type { Lineage } from '../../client/lineage.js';
import { provOf } from '../../client/prov.js';
import { AttaccaError } from '../../core/errors.js';
import { replaceUnseen, unitsEscaped } from '../../core/unseen.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { fileError } from '../file-errors.js';
import { quoted, styleFor } from '../format.js';
import { lineageDot } from '../lineage/dot.js';
import { oneSide } from '../lineage/family.js';
import { lineageSvg } from '../lineage/svg.js';
import { lineageText } from '../lineage/tree.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';

export const command = defineCommand({
  usage: ['NAME', 'NAME --svg FILE', 'NAME --prov'],
  about: `
    Tells what an object was made of, and what was made of it: by whom, when, of which versions. The
    pool notes it by itself: what a member offers was made of what it has demanded since its offers
    before. What it had demanded earlier is told, too, as what its maker had used before. Objects
    that are gone stay in a lineage. What objects declare of one another by the tags .derived-from,
    .part-of, .supersedes and .depends-on, a name or a list of names, is part of it.`,
  options: {
    depth: { type: 'string', value: 'N', help: 'how many steps in each direction (default: 16)' },
    up: { type: 'boolean', help: 'only what it was made of' },
    down: { type: 'boolean', help: 'only what was made of it' },
    prov: { type: 'boolean', help: 'as W3C PROV-JSON, for tools that read that' },
    svg: { type: 'string', value: 'FILE', help: 'draw it to FILE' },
    dot: { type: 'boolean', help: 'as a graph for Graphviz' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca lineage map/6.png --up', 'what is this picture made of?'],
    ['attacca lineage t/850/step=6 --down', 'what was made of this field?'],
    ['attacca lineage map/6.png --svg lineage.svg', 'a drawing'],
  ],
  async run(context, { options, words }) {
    const [name, ...more] = words;
    if (name === undefined || more.length > 0) throw new UsageError('it takes one NAME');
    const { json, prov, dot, svg } = options;
    if ([json && !prov, prov, dot, svg !== undefined].filter(Boolean).length > 1) {
      throw new UsageError('--json, --prov, --dot and --svg are one or another');
    }
    const depth = depthOf(options.depth);
    await using session = await openPool(context, options);
    const { view } = session;
    const isOneWay = options.up !== options.down;
    const whole = await ask(() => view.lineage(name, { depth }), name);
    const lineage = isOneWay ? oneSide(whole, options.up ? 'sources' : 'made') : whole;
    if (svg !== undefined) {
      await writeFile(svg, lineageSvg(lineage)).catch((error: unknown) => {
        throw fileError('write', svg, error);
      });
    } else if (prov) print(jsonOf(provOf(lineage, view.poolId)));
    else if (json) print(jsonOf(lineage));
    else if (dot) print(lineageDot(lineage));
    else {
      const style = styleFor(stdoutIsTerminal(), context.environment);
      const sides = { sources: options.up || !isOneWay, made: options.down || !isOneWay };
      print(lineageText(lineage, { sides, now: Date.now(), style }));
    }
    return EXIT.ok;
  },
});

function depthOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const depth = Number(text);
  if (/^\d+$/u.test(text) && depth >= 1 && depth <= 0xffff_ffff) return depth;
  throw new UsageError(`"--depth" needs a number of steps from 1 on, not "${text}"`);
}

function jsonOf(value: object): string {
  return replaceUnseen(JSON.stringify(value), unitsEscaped);
}

async function ask(answer: () => Promise<Lineage>, name: string): Promise<Lineage> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof AttaccaError) || error.code !== 'unknown-object') throw error;
    const why = 'the pool has no such object, and remembers none';
    throw new AttaccaError('unknown-object', `Cannot find ${quoted(name)}: ${why}`, { name });
  }
}
