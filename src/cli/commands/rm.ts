import type { ChangeOptions } from '../../client/selecting.js';
import { counted } from '../../core/counted.js';
import type { ValueMap } from '../../core/value.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { CHANGE_OPTIONS, change, chosenToChange } from '../changing.js';
import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { numberOf, quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print } from '../output.js';
import { joinPool } from '../pool/open.js';

export const command = defineCommand({
  usage: ['NAME...', '--where SELECTOR'],
  about: `
    Deletes objects and their bytes. Refused while somebody requires one, unless forced, which fails
    those requires; who reads one already keeps its view. - stands for names on standard input, one a
    line.`,
  options: {
    force: { type: 'boolean', short: 'f', help: 'although it is required: those requires fail' },
    ...CHANGE_OPTIONS,
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ["attacca rm -w 'step < 6' --dry-run", 'look first'],
    ["attacca ls 'tmp/*' | attacca rm -", 'by names'],
    ['attacca rm --force t/850/step=6', 'although it is required'],
  ],
  async run(context, { options, words }) {
    const timeoutMs = parseTimeout(options.timeout);
    const chosen = await chosenToChange(words, options);
    const { signal } = context;
    const { session } = await joinPool(context, options);
    await using _session = session;
    const { view } = session;
    const { force } = options;
    const how = {
      verb: 'delete',
      past: 'deleted',
      one: (name: string) => view.delete(name, { force, timeoutMs, signal }),
      plan: async (name: string) => {
        const known = await view.stat(name);
        print(options.json ? toJson(plan(known, name, force)) : planText(known, name, force));
      },
      all: (selector: string, changing: ChangeOptions) =>
        view.deleteSelected(selector, { ...changing, timeoutMs, force }),
    } as const;
    return await change(context, session, options, { chosen, how });
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
