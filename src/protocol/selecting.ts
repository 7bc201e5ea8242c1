import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import { skipValue, writeValue } from '../core/value-codec.js';
import { type Attribute, AttributeIndex, readAttributes, writeAttributes } from './attributes.js';
import { DETAIL, END, FACETS, MESSAGE } from './codes.js';
import { checkKeySize, writeKeyName } from './members.js';
import { endBody, readChoice, writeWhole } from './message.js';
import { readRemoved, writeRemoved } from './objects.js';

/**
 * What all requests with a selector begin with: the selector as a text, and where to go on.
 * `after` is `next` of the answer before, and empty in the first of them.
 */
class Selecting {
  selectorStart = 0;
  selectorEnd = 0;
  afterStart = 0;
  afterEnd = 0;
}

function readSelecting(r: Reader, into: Selecting): void {
  into.selectorStart = r.skipText();
  into.selectorEnd = r.at;
  if (r.at - into.selectorStart > LIMITS.selectorBytesMax) {
    refuse('bad-selector', `Cannot read a selector of more than ${LIMITS.selectorBytesMax} bytes`, {
      position: 0,
    });
  }
  into.afterStart = r.skipText();
  into.afterEnd = r.at;
}

export interface SelectingFields {
  readonly selector: string;
  readonly after: string;
}

function writeSelecting(w: Writer, { selector, after }: SelectingFields): void {
  w.text(selector);
  w.text(after);
}

/** 0x41 QUERY: one page of the objects that are selected. */
export class Query extends Selecting {
  limit = 0;
  detail = 0;
}

export function readQuery(r: Reader, into: Query): void {
  readSelecting(r, into);
  into.limit = r.u32();
  into.detail = readChoice(r, DETAIL.found, 'the detail of a query');
  endBody(r);
}

export function writeQuery(
  w: Writer,
  page: SelectingFields & { readonly limit: number; readonly detail: number },
): void {
  writeWhole(w, MESSAGE.query, () => {
    writeSelecting(w, page);
    w.u32(page.limit);
    w.u8(page.detail);
  });
}

/** 0x45 COUNT: how many are selected. */
export class Count extends Selecting {}

export function readCount(r: Reader, into: Count): void {
  readSelecting(r, into);
  endBody(r);
}

export function writeCount(w: Writer, part: SelectingFields): void {
  writeWhole(w, MESSAGE.count, () => writeSelecting(w, part));
}

/** 0x46 FACETS: what values a key has among those that are selected, and how often. */
export class Facets extends Selecting {
  what = 0;
  keyStart = 0;
  keyEnd = 0;
  limit = 0;
}

export function readFacets(r: Reader, into: Facets): void {
  readSelecting(r, into);
  into.what = readChoice(r, FACETS.histogram, 'what to tell of a key');
  into.keyStart = r.skipText();
  into.keyEnd = r.at;
  checkKeySize(into.keyEnd - into.keyStart);
  into.limit = r.u32();
  endBody(r);
}

export function writeFacets(
  w: Writer,
  part: SelectingFields & { readonly what: number; readonly key: string; readonly limit: number },
): void {
  writeWhole(w, MESSAGE.facets, () => {
    writeSelecting(w, part);
    w.u8(part.what);
    writeKeyName(w, part.key);
    w.u32(part.limit);
  });
}

/** 0x1e TAG_SELECTED: sets and removes tags of all that is selected. */
export class TagSelected extends Selecting {
  /** `MEMBER_NONE` for none. */
  member = 0;
  dry = 0;
  readonly attributes = new AttributeIndex();
  removedCount = 0;
  readonly removed = new Uint16Array(LIMITS.attributesMax);
}

export function readTagSelected(r: Reader, into: TagSelected): void {
  readSelecting(r, into);
  into.member = r.u32();
  into.dry = readChoice(r, 1, 'whether to do it');
  readAttributes(r, into.attributes);
  into.removedCount = readRemoved(r, into.removed);
  endBody(r);
}

export function writeTagSelected(
  w: Writer,
  part: SelectingFields & {
    readonly member: number;
    readonly dry: boolean;
    readonly tags: readonly Attribute[];
    readonly removed: readonly number[];
  },
): void {
  writeWhole(w, MESSAGE.tagSelected, () => {
    writeSelecting(w, part);
    w.u32(part.member);
    w.u8(part.dry ? 1 : 0);
    writeAttributes(w, part.tags);
    writeRemoved(w, part.removed);
  });
}

/** 0x31 GATHER: adds a value to a list that is a tag of all that is selected, or takes it out. */
export class Gather extends Selecting {
  member = 0;
  dry = 0;
  removes = 0;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
}

export function readGather(r: Reader, into: Gather): void {
  readSelecting(r, into);
  into.member = r.u32();
  into.dry = readChoice(r, 1, 'whether to do it');
  into.removes = readChoice(r, 1, 'whether to take a value out');
  into.keyStart = r.skipText();
  into.keyEnd = r.at;
  into.valueStart = r.at;
  skipValue(r);
  into.valueEnd = r.at;
  endBody(r);
}

export function writeGather(
  w: Writer,
  part: SelectingFields & {
    readonly member: number;
    readonly dry: boolean;
    readonly removes: boolean;
    readonly key: string;
    readonly value: Value;
  },
): void {
  writeWhole(w, MESSAGE.gather, () => {
    writeSelecting(w, part);
    w.u32(part.member);
    w.u8(part.dry ? 1 : 0);
    w.u8(part.removes ? 1 : 0);
    w.text(part.key);
    writeValue(w, part.value);
  });
}

/** 0x1f END_SELECTED: withdraws or deletes all that is selected. */
export class EndSelected extends Selecting {
  member = 0;
  dry = 0;
  how = 0;
}

export function readEndSelected(r: Reader, into: EndSelected): void {
  readSelecting(r, into);
  into.member = r.u32();
  into.dry = readChoice(r, 1, 'whether to do it');
  into.how = readChoice(r, END.deleteForced, 'how to end what is selected');
  endBody(r);
}

export function writeEndSelected(
  w: Writer,
  part: SelectingFields & {
    readonly member: number;
    readonly dry: boolean;
    readonly how: number;
  },
): void {
  writeWhole(w, MESSAGE.endSelected, () => {
    writeSelecting(w, part);
    w.u32(part.member);
    w.u8(part.dry ? 1 : 0);
    w.u8(part.how);
  });
}

/**
 * 0x47 SORT: the first of what is selected, in the order of a key. Of each part of the pool the
 * answer has the first `limit` behind a place; who asks merges them.
 */
export class Sort extends Selecting {
  keyStart = 0;
  keyEnd = 0;
  descending = 0;
  limit = 0;
  detail = 0;
  /** Whether there is a place behind which it begins: a value of the key, and a name. */
  hasPlace = 0;
  placeStart = 0;
  placeEnd = 0;
  nameStart = 0;
  nameEnd = 0;
}

export function readSort(r: Reader, into: Sort): void {
  readSelecting(r, into);
  into.keyStart = r.skipText();
  into.keyEnd = r.at;
  checkKeySize(into.keyEnd - into.keyStart);
  into.descending = readChoice(r, 1, 'a direction');
  into.limit = r.u32();
  into.detail = readChoice(r, DETAIL.found, 'the detail of a query');
  into.hasPlace = readChoice(r, 1, 'whether there is a place');
  into.placeStart = r.at;
  if (into.hasPlace === 1) skipValue(r);
  into.placeEnd = r.at;
  into.nameStart = into.hasPlace === 1 ? r.skipText() : r.at;
  into.nameEnd = r.at;
  endBody(r);
}

export interface SortFields extends SelectingFields {
  readonly key: string;
  readonly descending: boolean;
  readonly limit: number;
  readonly detail: number;
  readonly place: { readonly value: Value; readonly name: string } | null;
}

export function writeSort(w: Writer, part: SortFields): void {
  writeWhole(w, MESSAGE.sort, () => {
    writeSelecting(w, part);
    writeKeyName(w, part.key);
    w.u8(part.descending ? 1 : 0);
    w.u32(part.limit);
    w.u8(part.detail);
    w.u8(part.place === null ? 0 : 1);
    if (part.place === null) return;
    writeValue(w, part.place.value);
    w.text(part.place.name);
  });
}
