/** Times that the order within layers, and then the heights, are looked at again. */
const SWEEPS = 8;

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Gaps {
  /** Between layers, where arrows run. */
  readonly across: number;
  /** Between boxes of a layer. */
  readonly along: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where the boxes lie (the upper left corners), and through which points each arrow runs. */
interface Layout {
  readonly boxes: readonly Point[];
  readonly arrows: readonly (readonly Point[])[];
  readonly width: number;
  readonly height: number;
}

interface Edge {
  readonly from: number;
  readonly to: number;
}

/** A box, or a place where a long arrow passes a layer. */
interface Item {
  readonly height: number;
  readonly before: Item[];
  readonly after: Item[];
  /** Of the middle. */
  y: number;
}

/**
 * Lays boxes out in layers from left to right, each right of all that lead to it (Sugiyama, Tagawa
 * and Toda, 1981): layers by the longest way, long arrows through the layers between, the order in
 * a layer by the mean of the neighbours, then heights as near to those of the neighbours as there
 * is room. Arrows of a ring that lead back are drawn, and not regarded.
 */
export function layout(sizes: readonly Size[], edges: readonly Edge[], gaps: Gaps): Layout {
  if (sizes.length === 0) return { boxes: [], arrows: [], width: 0, height: 0 };
  const forward = withoutRings(sizes.length, edges);
  const ranks = ranksOf(sizes.length, forward);
  const count = Math.max(...ranks) + 1;
  const layers: Item[][] = Array.from({ length: count }, () => []);
  const items = sizes.map(({ height }, box) => itemIn(layers[ranks[box] ?? 0] ?? [], height));
  const isForward = new Set(forward);
  const ways = edges.map((edge) => {
    return isForward.has(edge) ? way(edge, items, ranks, layers) : [];
  });
  order(layers);
  place(layers, gaps.along);
  const { lefts, widths, width } = columns(sizes, ranks, count, gaps.across);
  const all = layers.flat();
  const top = Math.min(...all.map((item) => item.y - item.height / 2));
  const bottom = Math.max(...all.map((item) => item.y + item.height / 2));
  const boxes = items.map(({ y, height }, box) => {
    const rank = ranks[box] ?? 0;
    const spare = (widths[rank] ?? 0) - (sizes[box]?.width ?? 0);
    return { x: (lefts[rank] ?? 0) + spare / 2, y: y - height / 2 - top };
  });
  const arrows = edges.map(({ from, to }, index) => {
    const start = {
      x: (boxes[from]?.x ?? 0) + (sizes[from]?.width ?? 0),
      y: middle(items, from, top),
    };
    const end = { x: boxes[to]?.x ?? 0, y: middle(items, to, top) };
    const between = (ways[index] ?? []).flatMap(({ y }, step) => {
      const rank = (ranks[from] ?? 0) + 1 + step;
      const left = lefts[rank] ?? 0;
      return [
        { x: left, y: y - top },
        { x: left + (widths[rank] ?? 0), y: y - top },
      ];
    });
    return [start, ...between, end];
  });
  return { boxes, arrows, width, height: bottom - top };
}

function middle(items: readonly Item[], box: number, top: number): number {
  return (items[box]?.y ?? 0) - top;
}

function itemIn(layer: Item[], height: number): Item {
  const item: Item = { height, before: [], after: [], y: 0 };
  layer.push(item);
  return item;
}

/** The edges but those that close a ring, as they are met from the first box on. */
function withoutRings(count: number, edges: readonly Edge[]): Edge[] {
  const out: Edge[][] = Array.from({ length: count }, () => []);
  for (const edge of edges) out[edge.from]?.push(edge);
  const kept: Edge[] = [];
  const isOpen = new Array<boolean>(count).fill(false);
  const isDone = new Array<boolean>(count).fill(false);
  for (let start = 0; start < count; start++) {
    // A stack of our own: a lineage may be a thousand steps deep.
    const path = isDone[start] === true ? [] : [{ box: start, next: 0 }];
    if (path.length > 0) isOpen[start] = true;
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const edge = out[top.box]?.[top.next++];
      if (edge === undefined) {
        isOpen[top.box] = false;
        isDone[top.box] = true;
        path.pop();
      } else if (isOpen[edge.to] !== true) {
        kept.push(edge);
        if (isDone[edge.to] === true) continue;
        isOpen[edge.to] = true;
        path.push({ box: edge.to, next: 0 });
      }
    }
  }
  return kept;
}

/** The layer of each box: behind all that lead to it; what none leads to, near what it leads to. */
function ranksOf(count: number, edges: readonly Edge[]): number[] {
  const ranks = new Array<number>(count).fill(0);
  const entering = new Array<number>(count).fill(0);
  const out: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of edges) {
    out[from]?.push(to);
    entering[to] = (entering[to] ?? 0) + 1;
  }
  const sources = [...ranks.keys()].filter((box) => entering[box] === 0);
  const ready = [...sources];
  for (let box = ready.shift(); box !== undefined; box = ready.shift()) {
    for (const to of out[box] ?? []) {
      ranks[to] = Math.max(ranks[to] ?? 0, (ranks[box] ?? 0) + 1);
      entering[to] = (entering[to] ?? 0) - 1;
      if (entering[to] === 0) ready.push(to);
    }
  }
  for (const box of sources) {
    const next = (out[box] ?? []).map((to) => ranks[to] ?? 0);
    if (next.length > 0) ranks[box] = Math.min(...next) - 1;
  }
  return ranks;
}

/** Links two boxes through the layers between them; returns the places there. */
function way(
  { from, to }: Edge,
  items: readonly Item[],
  ranks: readonly number[],
  layers: Item[][],
): Item[] {
  const places: Item[] = [];
  let last = items[from];
  for (let rank = (ranks[from] ?? 0) + 1; rank <= (ranks[to] ?? 0); rank++) {
    const layer = layers[rank];
    const item = rank === ranks[to] ? items[to] : layer && itemIn(layer, 0);
    if (item === undefined || last === undefined) break;
    last.after.push(item);
    item.before.push(last);
    if (rank !== ranks[to]) places.push(item);
    last = item;
  }
  return places;
}

/** Puts each layer into the order of the means of its neighbours' places, forth and back. */
function order(layers: Item[][]): void {
  for (const layer of layers) {
    layer.forEach((item, index) => {
      item.y = index;
    });
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForth = sweep % 2 === 0;
    for (const layer of isForth ? layers : layers.toReversed()) {
      const wanted = new Map(
        layer.map((item) => [item, meanOf(isForth ? item.before : item.after, item.y)]),
      );
      layer.sort((one, other) => (wanted.get(one) ?? 0) - (wanted.get(other) ?? 0));
      layer.forEach((item, index) => {
        item.y = index;
      });
    }
  }
}

function meanOf(items: readonly Item[], otherwise: number): number {
  if (items.length === 0) return otherwise;
  return items.reduce((sum, { y }) => sum + y, 0) / items.length;
}

/** Gives each layer heights, in its order: as near to the neighbours' means as gaps allow. */
function place(layers: readonly Item[][], gap: number): void {
  for (const layer of layers) {
    let y = 0;
    for (const item of layer) {
      item.y = y + item.height / 2;
      y += item.height + gap;
    }
    for (const item of layer) item.y -= (y - gap) / 2;
  }
  for (let sweep = 0; sweep < 2 * SWEEPS; sweep++) {
    const isForth = sweep % 2 === 0;
    for (const layer of isForth ? layers : layers.toReversed()) {
      spread(layer, gap, (item) => meanOf([...item.before, ...item.after], item.y));
    }
  }
}

/**
 * The heights nearest to those wanted, by least squares, with gaps kept: less the room that lies
 * above each item, they must not fall, and neighbours that would are put together.
 */
function spread(layer: readonly Item[], gap: number, wantedOf: (item: Item) => number): void {
  const offsets: number[] = [];
  const blocks: { sum: number; count: number }[] = [];
  let offset = 0;
  layer.forEach((item, index) => {
    const above = layer[index - 1];
    if (above !== undefined) offset += (above.height + item.height) / 2 + gap;
    offsets.push(offset);
    blocks.push({ sum: wantedOf(item) - offset, count: 1 });
    for (let last = blocks.at(-1), before = blocks.at(-2); last && before; ) {
      if (before.sum / before.count <= last.sum / last.count) break;
      blocks.pop();
      before.sum += last.sum;
      before.count += last.count;
      last = before;
      before = blocks.at(-2);
    }
  });
  let index = 0;
  for (const { sum, count } of blocks) {
    for (const end = index + count; index < end; index++) {
      const item = layer[index];
      if (item !== undefined) item.y = sum / count + (offsets[index] ?? 0);
    }
  }
}

/** Where layers begin, and how wide they are. */
function columns(
  sizes: readonly Size[],
  ranks: readonly number[],
  count: number,
  gap: number,
): { lefts: number[]; widths: number[]; width: number } {
  const widths = new Array<number>(count).fill(0);
  sizes.forEach(({ width }, box) => {
    const rank = ranks[box] ?? 0;
    widths[rank] = Math.max(widths[rank] ?? 0, width);
  });
  const lefts: number[] = [];
  let x = 0;
  for (const width of widths) {
    lefts.push(x);
    x += width + gap;
  }
  return { lefts, widths, width: Math.max(0, x - gap) };
}
