import { AttaccaError } from '../../core/errors.js';
import { formatBytes } from '../../core/format-bytes.js';
import { Chronicle, type Told } from '../../loop/chronicle.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { directoryIn, parseRecord, readKept } from '../kept.js';
import { COMMON_OPTIONS } from '../options.js';
import { printRaw, say } from '../output.js';
import { type At, isTalk, toldJson, toldLine } from '../told-text.js';

/** Written at a time. */
const CHARACTERS_AT_ONCE = 64 * 1024;

export const command = defineCommand({
  usage: ['DIR'],
  about: `
    Prints what happened in a pool that is kept in DIR, one line an operation: number of its record,
    seconds since the pool's begin, session and member, the request and its outcome. Nothing is
    changed, and the pool may be served meanwhile. The records are done again to know their outcomes;
    one that ends otherwise than it did is damage.

    The oldest records go when a snapshot holds what they led to; the first line on standard error says
    then with which the log begins, unless --from does.

    A request is told where it was done: behind the record in which it came, when much was asked at
    once. One that has no answer in that record waits; its answer has a line of its own. What a
    client and its pool say to each other about numbers alone is left out, but not with --json: there
    each line has record, ms, kind (request, answer, session-opened, session-gone, slab-ready,
    slab-failed, adopted, transferred, drain, restart, tick), and where they apply session, members, request (its
    number), what (declare, offer, ...), object, asked (the record of the request that is answered),
    fields, outcome (ok, waits, or the code of an error) and answer.`,
  options: {
    from: {
      type: 'string',
      value: 'N',
      help: 'the first record (default: the first that is kept)',
    },
    until: { type: 'string', value: 'N', help: 'the last record (default: the last there is)' },
    object: { type: 'string', value: 'NAME', help: 'only what concerns this object' },
    member: { type: 'string', value: 'NAME', help: 'only what this member, or its session, did' },
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca log /var/lib/pool --object t/850/step=6', 'the life of an object'],
    ['attacca log /var/lib/pool --json | jq \'select(.outcome == "already-offered")\'', 'with jq'],
  ],
  async run(_context, { options, words }) {
    const { directory, rest } = directoryIn(words);
    if (rest.length > 0) throw new UsageError('it takes one DIR');
    const from = parseRecord(options.from, '--from');
    const until = parseRecord(options.until, '--until') ?? Number.POSITIVE_INFINITY;
    if (from !== undefined && from > until) throw new UsageError('--from lies behind --until');
    const { object = null, member, json, quiet } = options;
    const chronicle = new Chronicle(object);
    const lines = new Lines();
    const isShown = (told: Told): boolean =>
      told.isWatched &&
      (member === undefined || told.members.includes(member)) &&
      (json || !isTalk(told));
    const sought = new Sought(object, member ?? null);
    let first = 0;
    const show = (told: readonly Told[], at: At): void => {
      for (const each of told) sought.look(each);
      for (const each of told.filter(isShown)) {
        lines.add(json ? toldJson(at, each) : toldLine(at, each));
      }
    };
    let at: At = { number: 0, now: 0 };
    try {
      const { last, tornBytes } = await readKept(directory, {
        behind: from === undefined ? null : from - 1,
        until,
        use: (record, loop) => {
          const { number, now } = record;
          at = { number, now };
          const told = chronicle.replay(record, loop);
          if (from !== undefined && number < from) return;
          if (first === 0) {
            first = number;
            if (from === undefined && first > 1 && !quiet && !json) say(beginText(first));
          }
          show(told, at);
        },
      });
      if (from === undefined || last >= from) show(chronicle.undone(), at);
      lines.flush();
      if (from !== undefined && last < from) throw endsBefore(from, last);
      if (!quiet && !json) {
        // Nothing has happened behind the snapshot.
        if (first === 0 && from === undefined && last > 0) say(beginText(last + 1));
        for (const text of sought.missed()) say(text);
        if (tornBytes > 0) say(tornText(last, tornBytes));
      }
    } catch (error) {
      // What was whole is printed before the message that says what is not.
      lines.flush();
      throw error;
    }
    return EXIT.ok;
  },
});

/** The names that are asked for, and whether a record has named them: one is easily mistyped. */
class Sought {
  #object: string | null;
  #member: string | null;

  constructor(object: string | null, member: string | null) {
    this.#object = object;
    this.#member = member;
  }

  look(told: Told): void {
    // A glob that matches it does not name it.
    if (told.object === this.#object) this.#object = null;
    if (this.#member !== null && told.members.includes(this.#member)) this.#member = null;
  }

  missed(): string[] {
    const object =
      this.#object === null ? [] : [`no record names the object ${quoted(this.#object)}`];
    const member =
      this.#member === null ? [] : [`no record names the member ${quoted(this.#member)}`];
    return [...object, ...member];
  }
}

/** What lies before is in a snapshot, as a state and not as what happened. */
function beginText(first: number): string {
  return `the records begin with ${first}: what happened before is not kept any more`;
}

/** Lines of standard output, some at a time. */
class Lines {
  #text = '';

  add(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length >= CHARACTERS_AT_ONCE) this.flush();
  }

  flush(): void {
    const text = this.#text;
    this.#text = '';
    if (text !== '') printRaw(text);
  }
}

function endsBefore(from: number, last: number): AttaccaError {
  const text = `Cannot begin with record ${from}: the last one is ${last}`;
  return new AttaccaError('bad-argument', text, { from, last });
}

function tornText(last: number, bytes: number): string {
  return (
    `behind record ${last} there are ${formatBytes(bytes)} that are not whole: ` +
    'they are being written, or a crash has left them so'
  );
}
