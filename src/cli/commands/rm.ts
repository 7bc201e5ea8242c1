import { counted } from '../../core/counted.js';
import type { ValueMap } from '../../core/value.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { defineCommand } from '../command.js';
import { Failures } from '../failures.js';
import { numberOf, quoted } from '../format.js';
import { toJson } from '../json.js';
import { forEachAtOnce, NULL_OPTION, someNames } from '../names.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print } from '../output.js';
import { openPool } from '../pool/open.js';

const NAMES_AT_ONCE = 1_024;

export const command = defineCommand({
  usage: ['NAME...'],
  about: `
    Deletes objects and their bytes. Refused while somebody requires one, unless forced, which fails
    those requires; who reads one already keeps its view. - stands for names on standard input, one a
    line.`,
  options: {
    force: { type: 'boolean', short: 'f', help: 'although it is required: those requires fail' },
    'dry-run': { type: 'boolean', help: 'only say what would be deleted' },
    ...NULL_OPTION,
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ["attacca ls 'tmp/*' | attacca rm - --dry-run", 'look first'],
    ['attacca rm --force t/850/step=6', 'although it is required'],
  ],
  async run(context, { options, words }) {
    const names = await someNames(words, options);
    const { signal } = context;
    await using session = await openPool(context, options);
    const { view } = session;
    const failures = new Failures(context.command, options.json);
    const { force } = options;
    await forEachAtOnce(names, NAMES_AT_ONCE, async (name) => {
      try {
        if (options['dry-run']) {
          const known = await view.stat(name);
          print(options.json ? toJson(plan(known, name, force)) : planText(known, name, force));
          return;
        }
        await view.delete(name, { force });
        if (options.json) print(toJson({ name, deleted: true }));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.add(error);
      }
    });
    return failures.end();
  },
});

function plan(known: ValueMap, name: string, force: boolean): ValueMap {
  const requires = numberOf(known['requires']);
  return { name, bytes: numberOf(known['bytes']), requires, refused: requires > 0 && !force };
}

function planText(known: ValueMap, name: string, force: boolean): string {
  const requires = numberOf(known['requires']);
  const bytes = formatBytes(numberOf(known['bytes']));
  if (requires === 0) return `would delete ${quoted(name)} (${bytes})`;
  const open = counted(requires, 'open require');
  return force
    ? `would delete ${quoted(name)} (${bytes}) and fail ${open}`
    : `would not delete ${quoted(name)}: it has ${open}; --force fails them`;
}
