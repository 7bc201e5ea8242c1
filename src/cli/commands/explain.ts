import { AttaccaError } from '../../core/errors.js';
import type { ValueMap } from '../../core/value.js';
import { defineCommand } from '../command.js';
import { type Asked, cubeError } from '../cube-names.js';
import { EXIT, UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { toJson } from '../json.js';
import { objectText, ringsText, waitsText } from '../looking/explain-text.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print } from '../output.js';
import { openPool } from '../pool/open.js';
import { queuesWithout } from '../stepless.js';

export const command = defineCommand({
  usage: ['[NAME]', '--rings'],
  about: `
    Says who waits: for what, since when, for how long yet, who has promised it, and what would end
    the wait. With NAME all that is known of one object; without it everything that waits, memory
    included. With --rings the members that wait for one another in a ring: the pool does not break
    them, as it cannot know what a program does first.`,
  options: {
    rings: { type: 'boolean', help: 'members that wait for one another' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca explain', 'why does nothing happen?'],
    ['attacca explain t/850/step=6', 'why does this not come?'],
  ],
  async run(context, { options, words }) {
    const [name, ...more] = words;
    if (more.length > 0) throw new UsageError('it takes one NAME');
    if (name !== undefined && options.rings) throw new UsageError('--rings takes no NAME');
    await using session = await openPool(context, options);
    const answer = await ask(session, name, options.rings);
    if (options.json) print(toJson(answer));
    else if (options.rings) print(ringsText(answer));
    else print(name === undefined ? waitsText(answer) : objectText(answer, name));
    return EXIT.ok;
  },
});

async function ask(session: Asked, name: string | undefined, rings: boolean): Promise<ValueMap> {
  const { view } = session;
  if (rings) return await view.rings();
  try {
    const answer = await view.explain(name);
    if (name === undefined || answer['offered'] === null) return answer;
    return { ...answer, ofNoStep: await queuesWithout(view, name) };
  } catch (error) {
    const isUnknown = error instanceof AttaccaError && error.code === 'unknown-object';
    if (!isUnknown || name === undefined) throw error;
    const cube = await cubeError(session, 'explain', name);
    if (cube !== null) throw cube;
    throw new AttaccaError(
      'unknown-object',
      `Cannot explain ${quoted(name)}: nobody has declared, offered or required it`,
      { name },
    );
  }
}
