import { Timestamp, type Value } from '../../src/core/value.js';
import type { Call } from './call.js';

type Row = { readonly [key: string]: Value };

const rowsOf = (value: Value | undefined): Row[] => (Array.isArray(value) ? value : []) as Row[];

/** An answer of LINEAGE, as a test would speak of it: versions as `name@2`. */
export class Graph {
  readonly answer: Row;
  readonly nodes: readonly Row[];
  readonly activities: readonly Row[];
  readonly edges: readonly Row[];

  constructor(call: Call) {
    this.answer = call.value();
    this.nodes = rowsOf(this.answer['nodes']);
    this.activities = rowsOf(this.answer['activities']);
    this.edges = rowsOf(this.answer['edges']);
  }

  label(index: Value | undefined): string {
    const { name, version } = this.nodes[Number(index)] ?? {};
    return version === null ? String(name) : `${name}@${version}`;
  }

  /** As {@link label}, with the time of its offer: no two versions of a name have the same. */
  exactLabel(index: Value | undefined): string {
    const time = this.nodes[Number(index)]?.['time'];
    return `${this.label(index)} ${time instanceof Timestamp ? time.nanoseconds / 1_000_000n : ''}`;
  }

  member(index: Value | undefined): string {
    return String(this.activities[Number(index)]?.['member']);
  }

  get root(): string {
    return this.label(0);
  }

  get labels(): string[] {
    return this.nodes.map((_, index) => this.label(index)).sort();
  }

  /** `b@1 of a@1`. */
  get derived(): string[] {
    return this.#edges('derived', ({ from, to }) => `${this.label(from)} of ${this.label(to)}`);
  }

  get exactlyDerived(): string[] {
    return this.#edges(
      'derived',
      ({ from, to }) => `${this.exactLabel(from)} of ${this.exactLabel(to)}`,
    );
  }

  /** `reader a@1`. */
  get used(): string[] {
    return this.#edges('used', (e) => `${this.member(e['activity'])} ${this.label(e['to'])}`);
  }

  get exactlyUsed(): string[] {
    return this.#edges('used', (e) => `${this.member(e['activity'])} ${this.exactLabel(e['to'])}`);
  }

  /** `writer a@1`: it offered parts of it, too. */
  get parts(): string[] {
    return this.#edges('part', (e) => `${this.member(e['activity'])} ${this.label(e['from'])}`);
  }

  get exactParts(): string[] {
    return this.#edges(
      'part',
      (e) => `${this.member(e['activity'])} ${this.exactLabel(e['from'])}`,
    );
  }

  get declared(): string[] {
    return this.#edges(
      'declared',
      (e) => `${this.label(e['from'])} ${e['relation']} ${this.label(e['to'])}`,
    );
  }

  /** The row of a version. */
  node(label: string): Row {
    const index = this.nodes.findIndex((_, at) => this.label(at) === label);
    return this.nodes[index] ?? {};
  }

  /** Who offered it. */
  maker(label: string): Row {
    return this.activities[Number(this.node(label)['activity'])] ?? {};
  }

  #edges(kind: string, say: (edge: Row) => string): string[] {
    const edges = this.edges.filter((edge) => edge['kind'] === kind);
    return edges.map(say).sort();
  }
}
