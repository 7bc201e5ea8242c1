import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { Failures } from '../failures.js';
import { toJson } from '../json.js';
import { forEachAtOnce, NULL_OPTION, someNames } from '../names.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print } from '../output.js';
import { openPool } from '../pool/open.js';

const NAMES_AT_ONCE = 1_024;

export const command = defineCommand({
  usage: ['NAME...'],
  about: `
    Ends the offer of objects that the pool keeps (what put and exec make). Who requires one already
    still gets it; who asks later waits for the next version, or hears that nobody will offer it, when
    it was promised (as exec does) and those who did have ended. Objects of a member that is still
    there are that member's to withdraw. - stands for names on standard input, one a line.`,
  options: { ...NULL_OPTION, ...POOL_OPTION, ...TIMEOUT_OPTION, ...COMMON_OPTIONS },
  examples: [
    ['attacca withdraw t/850/step=6', 'one'],
    ["attacca ls 't/*/step=6' | attacca withdraw -", 'a whole step'],
  ],
  async run(context, { options, words }) {
    const timeoutMs = parseTimeout(options.timeout);
    const names = await someNames(words, options);
    const { signal } = context;
    await using session = await openPool(context, options);
    const failures = new Failures(context.command, options.json);
    await forEachAtOnce(names, NAMES_AT_ONCE, async (name) => {
      try {
        await session.view.unkeep(name, { timeoutMs, signal });
        if (options.json) print(toJson({ name, withdrawn: true }));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.add(error);
      }
    });
    return failures.end();
  },
});
