import type { Context, Samples, Stage } from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { numberOf, type Reply } from '../harness/reply.js';
import type { Population } from './objects.js';
import { FETCH_CLIENTS, GROUPS, metricName, PARTS, type Part, warmingOf } from './parts.js';
import type { Side } from './sides.js';

export const MEASURE_MS = 1_800_000;
const TAGS_MAX = 20_000;
/** What is made where all indexes are there: a tenth, but so many. */
const MORE_LEAST = 10_000;
/** Each waits for the disk. */
const KEPT_TAGS = 1_000;
/** What many clients fetch together, at most. */
const FETCHED_MAX = 4_000_000;
/** The many clients are in so many processes. */
const FETCH_PROCESSES = 2;

interface Connections {
  /** Number of the first one, among all of the measurement. */
  readonly first: number;
  readonly connections: number;
  readonly isKept: boolean;
}

/** The measurements of one pattern at one size. */
export class Measurement {
  readonly #population: Population;
  readonly #context: Context;
  readonly #side: Side;
  readonly #stage: Stage;
  readonly #samples: Record<string, number> = {};

  constructor(of: { population: Population; context: Context; side: Side; stage: Stage }) {
    this.#population = of.population;
    this.#context = of.context;
    this.#side = of.side;
    this.#stage = of.stage;
  }

  async all(): Promise<Samples> {
    const to = await this.#side.start(this.#stage, { isKept: false });
    const client = await this.#client(to, { first: 0, connections: 1, isKept: false });
    const { count } = this.#population;
    await this.#create(client, 'create_per_s');
    const tags = Math.min(count, TAGS_MAX);
    for (const part of PARTS) await this.#part(client, part, { tags });
    const more = { from: count, objects: Math.max(count / 10, MORE_LEAST), isFirst: false };
    const created = await this.#ask(client, 'create', more);
    this.#samples[this.#named('create_more_per_s')] = numberOf(created, 'perSecond');
    if (this.#population.pattern === 'unique') await this.#groups(to, client);
    return this.#samples;
  }

  /** Where each answer waits for the disk. */
  async kept(): Promise<Samples> {
    const to = await this.#side.start(this.#stage, { isKept: true });
    const client = await this.#client(to, { first: 0, connections: 1, isKept: true });
    await this.#create(client, 'create_fsync_per_s');
    const part = { metric: 'tag_fsync_per_s', verb: 'tagEach', field: 'perSecond' } as const;
    await this.#part(client, part, { tags: KEPT_TAGS });
    return this.#samples;
  }

  async #create(client: Participant, metric: string): Promise<void> {
    const { count } = this.#population;
    await this.#ask(client, 'warmUp', { from: 2 * count, objects: warmingOf(count) });
    const created = await this.#ask(client, 'create', { from: 0, objects: count, isFirst: true });
    this.#samples[this.#named(metric)] = numberOf(created, 'perSecond');
  }

  async #groups(to: string, client: Participant): Promise<void> {
    for (const { every, label } of GROUPS) {
      const group = { metric: `group_ms_${label}`, verb: 'group', field: 'ms' } as const;
      await this.#part(client, group, { every });
    }
    const clients = await this.#manyClients(to, client);
    for (const { every, label } of GROUPS) {
      await this.#fetch([client], { every, label, clients: 1 });
      const fetched = (this.#population.count / every) * FETCH_CLIENTS;
      const metric = this.#named(`fetch_ms_${label}_${FETCH_CLIENTS}`);
      if (fetched <= FETCHED_MAX) {
        await this.#fetch(clients, { every, label, clients: FETCH_CLIENTS });
      } else {
        this.#context.skip(metric, `not at this size: ${fetched} objects would be fetched`);
      }
    }
  }

  /** Connections for all of them, in processes: the one that is there, and others. */
  async #manyClients(to: string, client: Participant): Promise<readonly Participant[]> {
    const each = FETCH_CLIENTS / FETCH_PROCESSES;
    await this.#open(client, to, { first: 1, connections: each - 1, isKept: false });
    const others: Participant[] = [];
    for (let first = each; first < FETCH_CLIENTS; first += each) {
      others.push(await this.#client(to, { first, connections: each, isKept: false }));
    }
    return [client, ...others];
  }

  async #fetch(
    clients: readonly Participant[],
    what: { readonly every: number; readonly label: string; readonly clients: number },
  ): Promise<void> {
    const name = this.#named(`fetch_ms_${what.label}_${what.clients}`);
    const each = { every: what.every, clients: what.clients / clients.length };
    const replies = await Promise.all(clients.map((client) => this.#ask(client, 'fetch', each)));
    if (this.#cannot(name, replies[0])) return;
    const began = Math.min(...replies.map((reply) => numberOf(reply, 'startNs')));
    const ended = Math.max(...replies.map((reply) => numberOf(reply, 'endNs')));
    this.#samples[name] = (ended - began) / 1e6;
  }

  async #part(client: Participant, part: Part, parameters: object): Promise<void> {
    const { metric, verb, field } = part;
    const reply = await this.#ask(client, verb, parameters);
    const name = this.#named(metric ?? verb);
    if (this.#cannot(name, reply) || metric === null) return;
    this.#samples[name] = numberOf(reply, field);
  }

  /** A part that this one cannot do: the others are measured. */
  #cannot(name: string, reply: Reply | undefined): boolean {
    const why = reply?.['cannot'];
    if (why === undefined) return false;
    this.#context.skip(`${this.#side.name} ${name}`, String(why));
    return true;
  }

  async #client(to: string, which: Connections): Promise<Participant> {
    const { crew } = this.#stage;
    const client =
      this.#side.language === 'node'
        ? await crew.node('metadata/client.js')
        : await crew.python('python/metadata_side.py');
    await this.#open(client, to, which);
    return client;
  }

  async #open(client: Participant, to: string, which: Connections): Promise<void> {
    await this.#ask(client, 'open', { kind: this.#side.name, to, ...this.#population, ...which });
  }

  async #ask(client: Participant, verb: string, parameters: object): Promise<Reply> {
    return await client.ask(verb, parameters, MEASURE_MS);
  }

  #named(metric: string): string {
    return metricName(metric, this.#population);
  }
}
