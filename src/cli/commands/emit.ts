import { emitEvent } from '../../client/events/emitting.js';
import { parseAttributes } from '../attribute.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { joinPool } from '../pool/open.js';

export const command = defineCommand({
  usage: ['KIND [-a KEY=VALUE...]'],
  about: `
    Tells others something: an event of a kind of one's own, with attributes. It is kept and selected
    as all events are; who subscribes to KIND is told.`,
  options: {
    attr: {
      type: 'string',
      short: 'a',
      multiple: true,
      value: 'KEY=VALUE',
      help: 'what it says, in the notation of put: KEY=VALUE, or KEY:TYPE=VALUE for int, float, bool, str, time, json, hex',
    },
    member: { type: 'string', value: 'NAME', help: 'who says it (default: emit[*])' },
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [['attacca emit steer -a dt=30', 'as pool.emit does']],
  async run(context, { options, words }) {
    const [kind, ...more] = words;
    if (kind === undefined || more.length > 0) throw new UsageError('it takes one KIND');
    const attributes = parseAttributes(options.attr, '--attr');
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    await emitEvent(seat, kind, attributes);
    return EXIT.ok;
  },
});
