import { Reader } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { decodeUtf8 } from '../../src/core/utf8.js';
import type { Value } from '../../src/core/value.js';
import { readValue } from '../../src/core/value-codec.js';
import { type Attribute, attributesOf } from '../../src/protocol/attributes.js';
import { Lineage, readDefine, readDefinitions, readLineage } from '../../src/protocol/defining.js';
import {
  Count,
  EndSelected,
  Facets,
  Gather,
  Query,
  readCount,
  readEndSelected,
  readFacets,
  readGather,
  readQuery,
  readSort,
  readTagSelected,
  Sort,
  TagSelected,
} from '../../src/protocol/selecting.js';

interface Selecting {
  readonly selector: string;
  readonly after: string;
}

/** Messages that select, and those that define. */
export type SelectingMessage =
  | (Selecting & { kind: 'query'; limit: number; detail: number })
  | (Selecting & { kind: 'count' })
  | (Selecting & { kind: 'facets'; what: number; key: string; limit: number })
  | (Selecting & {
      kind: 'sort';
      key: string;
      descending: number;
      limit: number;
      detail: number;
      place: { value: Value; name: string } | null;
    })
  | (Selecting & {
      kind: 'tagSelected';
      member: number;
      dry: number;
      attributes: readonly Attribute[];
      removed: readonly number[];
    })
  | (Selecting & { kind: 'endSelected'; member: number; dry: number; how: number })
  | (Selecting & {
      kind: 'gather';
      member: number;
      dry: number;
      removes: number;
      key: string;
      value: Value;
    })
  | { kind: 'define'; definitionKind: number; name: string; definition: Value }
  | { kind: 'definitions'; definitionKind: number; name: string }
  | { kind: 'lineage'; name: string; depth: number };

type Decoders = {
  readonly [K in SelectingMessage['kind']]: (r: Reader) => SelectingMessage;
};

const EXACT = { depthMax: LIMITS.valueDepthMax, exact: true, ordinary: false };

function selectorOf(
  r: Reader,
  fields: { selectorStart: number; selectorEnd: number; afterStart: number; afterEnd: number },
): Selecting {
  return {
    selector: decodeUtf8(r.bytes, fields.selectorStart, fields.selectorEnd),
    after: decodeUtf8(r.bytes, fields.afterStart, fields.afterEnd),
  };
}

function valueAt(r: Reader, start: number, end: number): Value {
  return readValue(new Reader(r.bytes.subarray(start, end)), EXACT);
}

export const SELECTING_DECODERS: Decoders = {
  query: (r) => {
    const fields = new Query();
    readQuery(r, fields);
    const { limit, detail } = fields;
    return { kind: 'query', ...selectorOf(r, fields), limit, detail };
  },
  count: (r) => {
    const fields = new Count();
    readCount(r, fields);
    return { kind: 'count', ...selectorOf(r, fields) };
  },
  facets: (r) => {
    const fields = new Facets();
    readFacets(r, fields);
    const { what, limit } = fields;
    const key = decodeUtf8(r.bytes, fields.keyStart, fields.keyEnd);
    return { kind: 'facets', ...selectorOf(r, fields), what, key, limit };
  },
  sort: (r) => {
    const fields = new Sort();
    readSort(r, fields);
    const { descending, limit, detail } = fields;
    const key = decodeUtf8(r.bytes, fields.keyStart, fields.keyEnd);
    const name = decodeUtf8(r.bytes, fields.nameStart, fields.nameEnd);
    const value = (): Value => valueAt(r, fields.placeStart, fields.placeEnd);
    const place = fields.hasPlace === 1 ? { value: value(), name } : null;
    return { kind: 'sort', ...selectorOf(r, fields), key, descending, limit, detail, place };
  },
  tagSelected: (r) => {
    const fields = new TagSelected();
    readTagSelected(r, fields);
    const attributes = attributesOf(r, fields.attributes, EXACT);
    const removed = Array.from(fields.removed.subarray(0, fields.removedCount));
    const { member, dry } = fields;
    return { kind: 'tagSelected', ...selectorOf(r, fields), member, dry, attributes, removed };
  },
  endSelected: (r) => {
    const fields = new EndSelected();
    readEndSelected(r, fields);
    const { member, dry, how } = fields;
    return { kind: 'endSelected', ...selectorOf(r, fields), member, dry, how };
  },
  gather: (r) => {
    const fields = new Gather();
    readGather(r, fields);
    const { member, dry, removes } = fields;
    const key = decodeUtf8(r.bytes, fields.keyStart, fields.keyEnd);
    const value = valueAt(r, fields.valueStart, fields.valueEnd);
    return { kind: 'gather', ...selectorOf(r, fields), member, dry, removes, key, value };
  },
  define: (r) => {
    const { kind: definitionKind, name, definition } = readDefine(r, EXACT);
    return { kind: 'define', definitionKind, name, definition };
  },
  definitions: (r) => {
    const { kind: definitionKind, name } = readDefinitions(r);
    return { kind: 'definitions', definitionKind, name };
  },
  lineage: (r) => {
    const fields = new Lineage();
    readLineage(r, fields);
    const name = decodeUtf8(r.bytes, fields.nameStart, fields.nameEnd);
    return { kind: 'lineage', name, depth: fields.depth };
  },
};
