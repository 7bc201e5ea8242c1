import type { ChangeOptions } from '../../client/selecting.js';
import { CHANGE_OPTIONS, change, chosenToChange } from '../changing.js';
import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { joinPool } from '../pool/open.js';

export const command = defineCommand({
  usage: ['NAME...', '--where SELECTOR'],
  about: `
    Ends the offer of objects that the pool keeps (what put and exec make). Who requires one already
    still gets it; who asks later waits for the next version, or hears that nobody will offer it, when
    it was promised (as exec does) and those who did have ended. Objects of a member that is still
    there are that member's to withdraw. - stands for names on standard input, one a line.`,
  options: { ...CHANGE_OPTIONS, ...POOL_OPTION, ...TIMEOUT_OPTION, ...COMMON_OPTIONS },
  examples: [
    ['attacca withdraw t/850/step=6', 'one'],
    ['attacca withdraw -w \'step = 6 and .scope = "pool"\'', 'a whole step'],
    ["attacca ls 't/*/step=6' | attacca withdraw -", 'the same by names'],
  ],
  async run(context, { options, words }) {
    const timeoutMs = parseTimeout(options.timeout);
    const chosen = await chosenToChange(words, options);
    const { signal } = context;
    const { session } = await joinPool(context, options);
    await using _session = session;
    const { view } = session;
    const how = {
      verb: 'withdraw',
      past: 'withdrew',
      one: (name: string) => view.unkeep(name, { timeoutMs, signal }),
      all: (selector: string, changing: ChangeOptions) =>
        view.unkeepSelected(selector, { ...changing, timeoutMs }),
    } as const;
    return await change(context, session, options, { chosen, how });
  },
});
