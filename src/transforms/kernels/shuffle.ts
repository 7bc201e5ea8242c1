/**
 * The first bytes of all items, then their second ones, and so on: what is alike in neighbours lies
 * side by side then, and compresses better. Bytes behind the last whole item stay where they are.
 */
export function shuffle(from: Uint8Array, to: Uint8Array, itemSize: number): void {
  const count = Math.floor(from.length / itemSize);
  for (let byte = 0; byte < itemSize; byte++) {
    const row = byte * count;
    for (let item = 0, at = byte; item < count; item++, at += itemSize) {
      to[row + item] = from[at] as number;
    }
  }
  to.set(from.subarray(count * itemSize), count * itemSize);
}

/** The inverse of {@link shuffle}. */
export function unshuffle(from: Uint8Array, to: Uint8Array, itemSize: number): void {
  const count = Math.floor(from.length / itemSize);
  for (let byte = 0; byte < itemSize; byte++) {
    const row = byte * count;
    for (let item = 0, at = byte; item < count; item++, at += itemSize) {
      to[at] = from[row + item] as number;
    }
  }
  to.set(from.subarray(count * itemSize), count * itemSize);
}

interface Field {
  readonly offset: number;
  readonly size: number;
}

/** Structs item by item into one array a field, one behind the other in the order of the fields. */
export function toArrays(
  from: Uint8Array,
  to: Uint8Array,
  fields: readonly Field[],
  itemSize: number,
): void {
  moveFields(fields, from.length / itemSize, itemSize, (item, field, size) => {
    for (let byte = 0; byte < size; byte++) to[field + byte] = from[item + byte] as number;
  });
}

/** The inverse of {@link toArrays}; bytes of an item that are of no field become 0. */
export function toStructs(
  from: Uint8Array,
  to: Uint8Array,
  fields: readonly Field[],
  itemSize: number,
): void {
  to.fill(0);
  moveFields(fields, to.length / itemSize, itemSize, (item, field, size) => {
    for (let byte = 0; byte < size; byte++) to[item + byte] = from[field + byte] as number;
  });
}

/** Calls with the place in the structs and the place in the arrays, field by field. */
function moveFields(
  fields: readonly Field[],
  count: number,
  itemSize: number,
  move: (item: number, field: number, size: number) => void,
): void {
  let before = 0;
  for (const { offset, size } of fields) {
    for (let item = 0; item < count; item++) {
      move(item * itemSize + offset, before + item * size, size);
    }
    before += count * size;
  }
}
