import { Timestamp, type Value, type ValueMap } from '../core/value.js';
import { writeLineage } from '../protocol/index.js';
import { askValue, asMap, asMaps } from './asking.js';
import type { Client } from './client.js';
import type { WaitOptions } from './options.js';

export interface LineageOptions extends WaitOptions {
  /** How many steps in each direction; 16 when it is left out. */
  readonly depth?: number | undefined;
}

/** A version of an object; or, without `version`, an object or a name that has none. */
export interface LineageNode {
  readonly name: string;
  readonly version: number | null;
  /**
   * Of a version `offered`, `withdrawn` (its bytes are still owed) or `gone`; else `required` or
   * `declared`, and `unknown` of what is only named by another object's relation.
   */
  readonly state: string;
  /** The stay that offered it, of a version in parts the first: its place in `activities`. */
  readonly activity: number | null;
  readonly time: Date | null;
  readonly bytes: number | null;
  /** The `place` of what its activity had used last by then; 0: nothing. */
  readonly place: number;
}

/** A member's stay in the pool, and the process behind it. */
export interface LineageActivity {
  readonly member: string;
  /** Unique in the pool. */
  readonly id: number;
  readonly session: number;
  readonly host: string | null;
  readonly pid: number | null;
  readonly command: string | null;
  readonly since: Date;
  /** Null while it is there. */
  readonly until: Date | null;
  /** `present`, `left` or `crashed`. */
  readonly stay: string;
}

/** Numbers are places in `nodes` and `activities`. */
export type LineageEdge =
  /** The version `from` was made of `to`: its maker had demanded that since its offers before. */
  | { readonly kind: 'derived'; readonly from: number; readonly to: number }
  /** The object `from` says so by its tag or attribute `.RELATION`. */
  | {
      readonly kind: 'declared';
      readonly relation: string;
      readonly from: number;
      readonly to: number;
    }
  /**
   * The activity offered parts of the version `from`, which another one began, or it itself before
   * it used more. What it had used last by then has the `place`; 0: nothing.
   */
  | {
      readonly kind: 'part';
      readonly from: number;
      readonly activity: number;
      readonly place: number;
    }
  /**
   * A demand of the activity was answered with `to`. It was before an offer of that activity when
   * its `place` is not above that of the node, or of the `part`.
   */
  | {
      readonly kind: 'used';
      readonly activity: number;
      readonly to: number;
      readonly time: Date;
      readonly place: number;
    };

/** What an object was made of, and what was made of it. The first node is the object's. */
export interface Lineage {
  readonly name: string;
  readonly nodes: readonly LineageNode[];
  readonly activities: readonly LineageActivity[];
  readonly edges: readonly LineageEdge[];
  /** Whether more belongs to it than an answer holds: the nearest is here. */
  readonly truncated: boolean;
  /** Whether there is more behind `depth` steps. */
  readonly deeper: boolean;
  /** Whether something that belongs to it is not remembered any more. */
  readonly forgotten: boolean;
}

/** Asks for the lineage of an object. */
export async function lineageOf(
  client: Client,
  name: string,
  options: LineageOptions,
): Promise<Lineage> {
  const { depth = 0 } = options;
  const what = `find the lineage of "${name}"`;
  const answer = await askValue(client, what, (w) => writeLineage(w, name, depth), options);
  return lineageIn(asMap(answer));
}

function lineageIn(answer: ValueMap): Lineage {
  return {
    name: textOr(answer['name'], ''),
    nodes: asMaps(answer['nodes'] ?? []).map(nodeIn),
    activities: asMaps(answer['activities'] ?? []).map(activityIn),
    edges: asMaps(answer['edges'] ?? []).flatMap(edgeIn),
    truncated: answer['truncated'] === true,
    deeper: answer['deeper'] === true,
    forgotten: answer['forgotten'] === true,
  };
}

function nodeIn(row: ValueMap): LineageNode {
  return {
    name: textOr(row['name'], ''),
    version: numberOr(row['version'], null),
    state: textOr(row['state'], ''),
    activity: numberOr(row['activity'], null),
    time: timeOr(row['time'], null),
    bytes: numberOr(row['bytes'], null),
    place: numberOr(row['place'], 0),
  };
}

function activityIn(row: ValueMap): LineageActivity {
  return {
    member: textOr(row['member'], ''),
    id: numberOr(row['id'], 0),
    session: numberOr(row['session'], 0),
    host: textOr(row['host'], null),
    pid: numberOr(row['pid'], null),
    command: textOr(row['command'], null),
    since: timeOr(row['since'], new Date(0)),
    until: timeOr(row['until'], null),
    stay: textOr(row['stay'], ''),
  };
}

/** An edge of a kind that a later pool may have is left out. */
function edgeIn(row: ValueMap): LineageEdge[] {
  const to = numberOr(row['to'], 0);
  const from = numberOr(row['from'], 0);
  const activity = numberOr(row['activity'], 0);
  const place = numberOr(row['place'], 0);
  switch (row['kind']) {
    case 'derived':
      return [{ kind: 'derived', from, to }];
    case 'declared':
      return [{ kind: 'declared', relation: textOr(row['relation'], ''), from, to }];
    case 'part':
      return [{ kind: 'part', from, activity, place }];
    case 'used':
      return [{ kind: 'used', activity, to, time: timeOr(row['time'], new Date(0)), place }];
    default:
      return [];
  }
}

function textOr<D>(value: Value | undefined, otherwise: D): string | D {
  return typeof value === 'string' ? value : otherwise;
}

function numberOr<D>(value: Value | undefined, otherwise: D): number | D {
  return typeof value === 'number' ? value : otherwise;
}

function timeOr<D>(value: Value | undefined, otherwise: D): Date | D {
  if (!(value instanceof Timestamp)) return otherwise;
  return new Date(Number(value.nanoseconds / 1_000_000n));
}
