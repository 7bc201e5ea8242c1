import { MEMBER_NONE } from '../../src/protocol/codes.js';
import type { AnyMessage } from './decode-any.js';

const param = 'param = "t" and step in 0..24';
const next = { selector: 'name ~ "run/*"', after: '4711' };

/** Messages that select, and those that define, as vectors. */
export const SELECTING_CASES: readonly (readonly [name: string, message: AnyMessage])[] = [
  ['query', { kind: 'query', selector: param, after: '', limit: 100, detail: 0 }],
  ['query, next page', { kind: 'query', ...next, limit: 4_096, detail: 2 }],
  ['count', { kind: 'count', selector: '', after: '' }],
  ['facets', { kind: 'facets', selector: param, after: '', what: 0, key: 'level', limit: 10 }],
  ['histogram', { kind: 'facets', ...next, what: 1, key: '.bytes', limit: 0 }],
  [
    'sort',
    {
      ...{ kind: 'sort', selector: param, after: '', key: 'step', descending: 0 },
      ...{ limit: 100, detail: 2, place: null },
    },
  ],
  [
    'sort, next page',
    {
      ...{ kind: 'sort', ...next, key: '.time', descending: 1, limit: 100, detail: 0 },
      place: { value: 24, name: 'run/t' },
    },
  ],
  [
    'tag what is selected',
    {
      ...{ kind: 'tagSelected', selector: param, after: '', member: 3, dry: 0 },
      ...{ attributes: [[1, 5]], removed: [2] },
    },
  ],
  [
    'withdraw what is selected',
    { kind: 'endSelected', ...next, member: MEMBER_NONE, dry: 1, how: 0 },
  ],
  [
    'delete what is selected',
    { kind: 'endSelected', selector: param, after: '', member: 0, dry: 0, how: 2 },
  ],
  [
    'gather',
    {
      ...{ kind: 'gather', selector: param, after: '', member: 0, dry: 0, removes: 0 },
      ...{ key: '.collections', value: 'train' },
    },
  ],
  [
    'define a collection',
    { kind: 'define', definitionKind: 2, name: 'hot', definition: { selector: 't > 300' } },
  ],
  ['take a container away', { kind: 'define', definitionKind: 1, name: 'run', definition: null }],
  ['definitions', { kind: 'definitions', definitionKind: 0, name: '' }],
  ['lineage', { kind: 'lineage', name: 'product/1', depth: 5 }],
];
