import type { Lineage, LineageEdge } from '../../client/lineage.js';

/** A neighbour of a version, and the relation that was declared; '' of one that was noted. */
export interface Link {
  readonly node: number;
  readonly relation: string;
}

/** A lineage by its nodes: what each was made of, what was made of it, and by whom. */
export class Family {
  readonly lineage: Lineage;
  readonly #sources: Link[][];
  readonly #made: Link[][];
  readonly #uses: { readonly node: number; readonly place: number }[][];
  readonly #readers: number[][];
  /** Who offered parts of it beside the maker, and what each had used last. */
  readonly #providers: { readonly activity: number; readonly place: number }[][];

  /** What was noted before what was declared, the older versions first. */
  readonly #inOrder = (one: Link, other: Link): number => {
    const isDeclared = ({ relation }: Link): number => (relation === '' ? 0 : 1);
    return isDeclared(one) - isDeclared(other) || this.#timeOf(one) - this.#timeOf(other);
  };

  constructor(lineage: Lineage) {
    this.lineage = lineage;
    const { nodes, activities, edges } = lineage;
    this.#sources = nodes.map(() => []);
    this.#made = nodes.map(() => []);
    this.#readers = nodes.map(() => []);
    this.#providers = nodes.map(() => []);
    this.#uses = activities.map(() => []);
    // The pool tells the last use first.
    for (const edge of edges.toReversed()) {
      if (edge.kind === 'used') {
        this.#uses[edge.activity]?.push({ node: edge.to, place: edge.place });
        const readers = this.#readers[edge.to];
        if (readers?.includes(edge.activity) === false) readers.push(edge.activity);
        continue;
      }
      if (edge.kind === 'part') {
        this.#providers[edge.from]?.unshift(edge);
        continue;
      }
      const relation = edge.kind === 'declared' ? edge.relation : '';
      this.#sources[edge.from]?.push({ node: edge.to, relation });
      this.#made[edge.to]?.push({ node: edge.from, relation });
    }
    for (const links of [...this.#sources, ...this.#made]) links.sort(this.#inOrder);
  }

  #timeOf({ node }: Link): number {
    return this.lineage.nodes[node]?.time?.getTime() ?? Number.MAX_VALUE;
  }

  sourcesOf(node: number): readonly Link[] {
    return this.#sources[node] ?? [];
  }

  madeOf(node: number): readonly Link[] {
    return this.#made[node] ?? [];
  }

  /** Who was handed it over: places of activities. */
  readersOf(node: number): readonly number[] {
    return this.#readers[node] ?? [];
  }

  /** All who offered it, or parts of it, the one who began it first: places of activities. */
  makersOf(node: number): readonly number[] {
    const { activity = null } = this.lineage.nodes[node] ?? {};
    const others = (this.#providers[node] ?? []).map((each) => each.activity);
    return [...new Set(activity === null ? others : [activity, ...others])];
  }

  /** What the makers of a version had used before, of which it was not made as far as is known. */
  usedBefore(node: number): number[] {
    const { activity = null, place = 0 } = this.lineage.nodes[node] ?? {};
    if (activity === null) return [];
    const known = new Set([node, ...this.sourcesOf(node).map((link) => link.node)]);
    const makers = [{ activity, place }, ...(this.#providers[node] ?? [])];
    const before = makers.flatMap((maker) =>
      (this.#uses[maker.activity] ?? []).filter((use) => use.place <= maker.place),
    );
    return [...new Set(before.map((use) => use.node))].filter((each) => !known.has(each));
  }

  /** A node and all that is behind it in one direction. */
  reach(node: number, side: 'sources' | 'made'): Set<number> {
    const seen = new Set([node]);
    for (const each of seen) {
      const links = side === 'sources' ? this.sourcesOf(each) : this.madeOf(each);
      for (const link of links) seen.add(link.node);
    }
    return seen;
  }
}

/** One direction of a lineage alone. */
export function oneSide(lineage: Lineage, side: 'sources' | 'made'): Lineage {
  const family = new Family(lineage);
  const kept = family.reach(0, side);
  const stays = new Set([...kept].flatMap((node) => family.makersOf(node)));
  const isUse = (edge: LineageEdge): edge is Extract<LineageEdge, { kind: 'used' }> =>
    edge.kind === 'used';
  // Upwards what their makers had used, downwards who used them.
  const uses = lineage.edges
    .filter(isUse)
    .filter((edge) => (side === 'sources' ? stays.has(edge.activity) : kept.has(edge.to)));
  if (side === 'sources') for (const { to } of uses) kept.add(to);
  const between = lineage.edges.filter((edge) => {
    if (edge.kind === 'part') return kept.has(edge.from);
    return edge.kind !== 'used' && kept.has(edge.from) && kept.has(edge.to);
  });
  return only(lineage, [...kept], [...between, ...uses]);
}

/** Some nodes and edges, in new places; of the activities those that they name. */
function only(lineage: Lineage, kept: readonly number[], edges: readonly LineageEdge[]): Lineage {
  const places = new Map(kept.map((node, place) => [node, place]));
  const stays = new Map<number, number>();
  const stayOf = (activity: number): number => {
    const known = stays.get(activity) ?? stays.size;
    stays.set(activity, known);
    return known;
  };
  const nodes = kept.flatMap((index) => {
    const node = lineage.nodes[index];
    if (node === undefined) return [];
    return [{ ...node, activity: node.activity === null ? null : stayOf(node.activity) }];
  });
  const moved = edges.map((edge): LineageEdge => {
    if (edge.kind === 'part') {
      return { ...edge, activity: stayOf(edge.activity), from: places.get(edge.from) ?? 0 };
    }
    const to = places.get(edge.to) ?? 0;
    if (edge.kind === 'used') return { ...edge, activity: stayOf(edge.activity), to };
    return { ...edge, from: places.get(edge.from) ?? 0, to };
  });
  const activities = [...stays.keys()].flatMap((index) => lineage.activities[index] ?? []);
  return { ...lineage, nodes, edges: moved, activities };
}
