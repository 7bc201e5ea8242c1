import type { Value } from '../core/value.js';
import * as protocol from '../protocol/index.js';
import type { Answer } from './answers.js';
import type { Asking, Client } from './asking.js';
import * as finding from './finding.js';
import { histograms } from './histogram.js';
import { asker } from './object-requests.js';
import { ASKED, attributes, KEYS, keyNumber, selector } from './selectors.js';
import { nameOf, Walk } from './walk.js';

/** Walks that a client has not gone to the end of. */
const WALKS_MAX = 2;

function limitOf(asking: Asking): number {
  return asking.dice(3) === 0 ? 0 : 1 + asking.dice(3);
}

/** The first page of what is selected. */
export function query(asking: Asking, client: Client): void {
  const { walks } = client.holdings;
  const walk = new Walk(selector(asking), limitOf(asking), asking.dice(3));
  const [oldest] = walks;
  if (oldest !== undefined && walks.size >= WALKS_MAX) {
    oldest.abandon();
    walks.delete(oldest);
  }
  walks.add(walk);
  page(asking, client, walk, 'query');
}

/** The next page of a walk. */
export function goOn(asking: Asking, client: Client): void {
  const open = [...client.holdings.walks].filter(({ next }) => next !== null);
  if (open.length === 0) query(asking, client);
  else page(asking, client, asking.of(open), 'go-on');
}

function page(asking: Asking, client: Client, walk: Walk, words: string): void {
  const { text, limit, detail, next } = walk;
  const after = next ?? '';
  walk.next = null;
  asking.ask(
    client,
    `${words} ${text} after "${after}", limit ${limit}, detail ${detail}`,
    (w) => protocol.writeQuery(w, { selector: text, after, limit, detail }),
    (oracle, session) => walk.page(oracle, session),
    {
      onAnswer: (answer) => {
        walk.next = answer.kind === 'value' ? nextOf(answer.value) : null;
        if (walk.next !== null) return;
        walk.abandon();
        client.holdings.walks.delete(walk);
      },
    },
  );
}

function nextOf(value: Value): string | null {
  return (value as finding.Fields)['next'] as string | null;
}

export function count(asking: Asking, client: Client): void {
  const text = selector(asking);
  const after = asking.dice(20) === 0 ? asking.of(['01', '-1', '1.5', 'x', ' 2']) : '';
  asking.ask(
    client,
    `count ${text} after "${after}"`,
    (w) => protocol.writeCount(w, { selector: text, after }),
    (oracle) => finding.count(oracle, text, after),
  );
}

export function facets(asking: Asking, client: Client): void {
  const text = selector(asking);
  const key = asking.of(ASKED);
  const limit = limitOf(asking);
  const isHistogram = asking.dice(3) === 0;
  const what = isHistogram ? protocol.FACETS.histogram : protocol.FACETS.values;
  asking.ask(
    client,
    `facets ${isHistogram ? 'in ranges ' : ''}of ${key}, limit ${limit}, in ${text}`,
    (w) => protocol.writeFacets(w, { selector: text, after: '', what, key, limit }),
    (oracle) =>
      isHistogram ? histograms(oracle, text, key) : finding.facets(oracle, text, key, limit),
  );
}

/** A page in the order of a key; from some of them the client goes on at once. */
export function sort(asking: Asking, client: Client): void {
  const { dice } = asking;
  const { holdings } = client;
  const begun = dice(2) === 0 ? holdings.sorting : null;
  holdings.sorting = null;
  const sorting: finding.Sorting = begun ?? {
    text: selector(asking),
    key: asking.of(ASKED),
    descending: dice(2) === 0,
    limit: limitOf(asking),
    detail: dice(3),
    place: null,
  };
  const { text, key, descending, limit, place } = sorting;
  asking.ask(
    client,
    `sort by ${key}${descending ? ', descending' : ''}, limit ${limit}, ${
      place === null ? '' : `behind "${place.name}", `
    }of ${text}`,
    (w) => protocol.writeSort(w, { ...sorting, selector: text, after: '' }),
    (oracle) => finding.sort(oracle, sorting),
    {
      onAnswer: (answer) => {
        const last = lastOf(answer);
        if (last !== null) holdings.sorting = { ...sorting, place: last };
      },
    },
  );
}

function lastOf(answer: Answer): finding.Sorting['place'] {
  if (answer.kind !== 'value') return null;
  const { objects } = answer.value as { readonly objects: readonly finding.Fields[] };
  const { key, object } = objects.at(-1) ?? {};
  return key === undefined || object === undefined ? null : { value: key, name: nameOf(object) };
}

export function tagSelected(asking: Asking, client: Client): void {
  const { dice } = asking;
  const text = selector(asking);
  const dry = dice(3) === 0;
  const set = attributes(asking, 2);
  const removed = dice(2) === 0 ? [asking.of(KEYS)] : [];
  const tags = [...set].map(([key, value]) => [keyNumber(key), value] as const);
  const member = asker(asking, client);
  const change = { tags, removed: removed.map(keyNumber) };
  asking.ask(
    client,
    `tag-selected ${dry ? 'dry ' : ''}${[...set.keys()]} without ${removed} of ${text}`,
    (w) => protocol.writeTagSelected(w, { selector: text, after: '', member, dry, ...change }),
    (oracle, session) =>
      finding.tagSelected(oracle, text, { by: oracle.asker(session, member), dry, set, removed }),
    { about: { member } },
  );
}

export function endSelected(asking: Asking, client: Client): void {
  const { dice } = asking;
  const text = selector(asking);
  const dry = dice(2) === 0;
  const how = asking.of(Object.values(protocol.END));
  const member = asker(asking, client);
  asking.ask(
    client,
    `end-selected ${dry ? 'dry ' : ''}as ${how}: ${text}`,
    (w) => protocol.writeEndSelected(w, { selector: text, after: '', member, dry, how }),
    (oracle, session) =>
      finding.endSelected(oracle, text, { by: oracle.asker(session, member), how, dry }),
    { about: { member } },
  );
}
