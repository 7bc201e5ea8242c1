import type { Relation } from '../../client/defining.js';
import { didYouMean } from '../../core/suggest.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print } from '../output.js';
import { joinPool } from '../pool/open.js';

const RELATIONS: readonly Relation[] = ['derived-from', 'part-of', 'supersedes', 'depends-on'];

export const command = defineCommand({
  usage: ['NAME derived-from|part-of|supersedes|depends-on OTHER [--remove]'],
  about: `
    Says of the object NAME how it relates to OTHER, which need not be there, yet or any more. What
    others depend on is not deleted, unless forced. A relation is a list among the tags of NAME: any
    .derived-from = "x" selects all that is derived from x.`,
  options: {
    remove: { type: 'boolean', help: 'take it back' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca relate t/850/plot derived-from t/850', 'what a picture was made of'],
    ['attacca query \'any .derived-from = "t/850"\'', 'what was made of it'],
  ],
  async run(context, { options, words }) {
    const [name = '', word = '', other = '', ...more] = words;
    if (name === '' || other === '' || more.length > 0) {
      throw new UsageError('it takes NAME, a relation, and OTHER');
    }
    const relation = RELATIONS.find((each) => each === word);
    if (relation === undefined) {
      const known = `the relations are ${RELATIONS.join(', ')}.`;
      throw new UsageError(
        `there is no relation ${quoted(word)}; ${known}${didYouMean(word, RELATIONS)}`,
      );
    }
    const { session } = await joinPool(context, options);
    await using _session = session;
    const { catalog } = session.view;
    const { remove, json } = options;
    if (remove) await catalog.unrelate(name, relation, other);
    else await catalog.relate(name, relation, other);
    if (json) print(toJson({ name, relation, other, removed: remove }));
    return EXIT.ok;
  },
});
