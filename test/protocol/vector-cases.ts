// A table in one file: every kind of frame, message and value with what it is made of, once.
import type { ErrorCode } from '../../src/core/errors.js';
import { Float, Timestamp, type Value } from '../../src/core/value.js';
import type { AnyFrame } from './any-frame.js';
import type { AnyMessage } from './decode-any.js';
import { SELECTING_CASES } from './selecting-cases.js';

const U32_MAX = 0xffff_ffff;
const U64_MAX = Number.MAX_SAFE_INTEGER;
const secret = Uint8Array.from({ length: 32 }, (_, index) => index);

/** A list in a map in a list, as deep as a value may nest. */
function nested(): Value {
  let value: Value = 'core';
  for (let level = 0; level < 8; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

export const VALUES: readonly Value[] = [
  ...[null, false, true, 0, 1, -1, 255, -256, 2 ** 32, U64_MAX, -U64_MAX],
  ...[2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, 2n ** 64n - 1n],
  ...[0.5, -0, 1e-308, 5e-324, 1e300, Number.NaN, Infinity, -Infinity, new Float(3), new Float(0)],
  ...['', 'a', '\0', 'Grüße', '海流', '🌊', '\ufeff', 'x'.repeat(300)],
  ...[new Uint8Array(0), Uint8Array.of(0, 127, 128, 255)],
  ...[new Timestamp(0n), new Timestamp(1_700_000_000_123_456_789n), new Timestamp(-1n)],
  ...[new Timestamp(2n ** 63n - 1n), new Timestamp(-(2n ** 63n))],
  ...[[], {}, [1, 'two', null, [0.5]], { b: 1, a: [{ '': 2 }] }, nested()],
];

/** Each with a name that says what is particular. */
export const MESSAGES: readonly (readonly [string, AnyMessage])[] = [
  ['key', { kind: 'key', key: 0, name: 'units' }],
  ['key, last number, longest name', { kind: 'key', key: 0xffff, name: 'k'.repeat(255) }],
  ['join', { kind: 'join', member: 0, name: 'model[17]', info: { addresses: ['tcp://h:1'] } }],
  ['join, any index', { kind: 'join', member: U32_MAX, name: 'océan[*]', info: {} }],
  ['leave', { kind: 'leave', member: 1, deadline: 0 }],
  ['leave, endless', { kind: 'leave', member: 1, deadline: U32_MAX }],
  ['end', { kind: 'end' }],
  ['ping', { kind: 'ping' }],
  ['cancel', { kind: 'cancel', request: U64_MAX }],
  [
    'declare',
    {
      kind: 'declare',
      handle: 1,
      member: 0,
      name: 'run/2024/t850',
      space: { dtype: 'float32', order: 'row', byteOrder: 'little', shape: [181, 360] },
      attributes: [
        [1, 'temperature'],
        [2, 850],
        [3, new Float(273)],
        [4, new Timestamp(1_700_000_000_000_000_000n)],
        [5, [1, 2, 3]],
      ],
    },
  ],
  [
    'declare, nothing but a name',
    { kind: 'declare', handle: 0, member: 0, name: 'a', space: {}, attributes: [] },
  ],
  [
    'declare, 1,000 characters',
    {
      kind: 'declare',
      handle: U32_MAX,
      member: U32_MAX,
      name: '🌊'.repeat(1_000),
      space: { shape: [null, 0, U64_MAX] },
      attributes: [[0xffff, nested()]],
    },
  ],
  [
    'declare, a scalar',
    {
      kind: 'declare',
      handle: 2,
      member: 0,
      name: 'a\nb/c',
      space: { dtype: 'complex128', order: 'column', byteOrder: 'big', shape: [] },
      attributes: [],
    },
  ],
  [
    'declare, structs',
    {
      kind: 'declare',
      handle: 3,
      member: 0,
      name: 'particles',
      space: {
        dtype: '{x:float32@0,"a b":string[3]@4,p:{a:int8@0,"é":int64@8;16}@8;24}',
        order: 'row',
        byteOrder: 'little',
        shape: [1000, null],
      },
      attributes: [],
    },
  ],
  ['set, strings', { kind: 'set', handle: 1, space: { dtype: 'string[16]' }, attributes: [] }],
  ['set', { kind: 'set', handle: 1, space: { shape: [null] }, attributes: [[1, true]] }],
  ['seal', { kind: 'seal', handle: 1 }],
  [
    'offer, a signal',
    {
      kind: 'offer',
      handle: 1,
      scope: 0,
      durability: 0,
      source: 0,
      lifetime: 0,
      payload: null,
    },
  ],
  [
    'offer, inline, kept for an hour',
    {
      kind: 'offer',
      handle: 1,
      scope: 1,
      durability: 2,
      source: 1,
      lifetime: 3_600_000,
      payload: Uint8Array.of(1, 2, 3),
    },
  ],
  [
    'offer, a slice',
    {
      kind: 'offer',
      handle: 1,
      scope: 0,
      durability: 1,
      source: 2,
      lifetime: 0,
      payload: { slab: 3, offset: 4_096, size: 260_640 },
    },
  ],
  [
    'offer part, inline: every other row of a block',
    {
      kind: 'offerPart',
      handle: 1,
      scope: 0,
      durability: 0,
      source: 1,
      lifetime: 0,
      region: { dimensions: 2, boxes: [[[[0, 2, 2]], [[300, 1, 3]]]], points: [] },
      payload: Uint8Array.of(1, 2, 3, 4, 5, 6),
    },
  ],
  [
    'offer part, a slice: rows of a list, and points',
    {
      kind: 'offerPart',
      handle: 1,
      scope: 1,
      durability: 1,
      source: 2,
      lifetime: 60_000,
      region: {
        dimensions: 1,
        boxes: [
          [
            [
              [0, 1, 1],
              [7, 1, 2],
            ],
          ],
        ],
        points: [[100, 10, 5]],
      },
      payload: { slab: 3, offset: 4_096, size: 64 },
    },
  ],
  [
    'region, two boxes',
    {
      kind: 'region',
      handle: 2,
      region: { dimensions: 1, boxes: [[[[0, 1, 4]]], [[[8, 1, 4]]]], points: [] },
    },
  ],
  [
    'create',
    {
      kind: 'create',
      handle: 1,
      scope: 1,
      consistency: 3,
      lifetime: 60_000,
      payload: { slab: 3, offset: 4_096, size: 65_536 },
    },
  ],
  ['open', { kind: 'open', handle: 2, deadline: 1_000 }],
  [
    'write regions, inline, as they lie in the object',
    {
      kind: 'writeRegions',
      handle: 2,
      as: {},
      lossy: 0,
      regions: [
        { dimensions: 1, boxes: [[[[0, 1, 4]]]], points: [] },
        { dimensions: 1, boxes: [[[[8, 1, 4]]]], points: [] },
      ],
      payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    },
  ],
  [
    'read regions, as another dtype',
    {
      kind: 'readRegions',
      handle: 2,
      as: { dtype: 'float64', order: 'column', byteOrder: 'big' },
      lossy: 1,
      regions: [{ dimensions: 1, boxes: [[[[0, 1, 4]]]], points: [] }],
      payload: { slab: 3, offset: 4_096, size: 32 },
    },
  ],
  ['commit, and close', { kind: 'commit', handle: 2, closes: 1 }],
  [
    'lock, for writing, without waiting',
    {
      kind: 'lock',
      handle: 2,
      lock: 7,
      mode: 1,
      block: 0,
      deadline: 0,
      region: { dimensions: 1, boxes: [[[[0, 1, 4]]]], points: [] },
    },
  ],
  ['unlock', { kind: 'unlock', handle: 2, lock: 7 }],
  [
    'append, inline',
    {
      kind: 'append',
      handle: 1,
      scope: 0,
      durability: 0,
      source: 1,
      lifetime: 0,
      payload: Uint8Array.of(1, 2, 3, 4),
    },
  ],
  [
    'append, a slice',
    {
      kind: 'append',
      handle: 1,
      scope: 1,
      durability: 1,
      source: 2,
      lifetime: 60_000,
      payload: { slab: 1, offset: 4_096, size: 192 },
    },
  ],
  ['finish', { kind: 'finish', handle: 1 }],
  ['withdraw', { kind: 'withdraw', handle: 1, deadline: 1_000 }],
  ['require', { kind: 'require', handle: 1, policy: 1 }],
  ['demand', { kind: 'demand', handle: 1, deadline: 0, mode: 0, policy: 0, want: 0 }],
  [
    'demand, own, wait, attributes, dispose',
    { kind: 'demand', handle: 1, deadline: U32_MAX, mode: 1, policy: 1, want: 3 },
  ],
  ['demand, peek', { kind: 'demand', handle: 1, deadline: 5, mode: 2, policy: 0, want: 1 }],
  ['retract', { kind: 'retract', handle: 1 }],
  ['dispose', { kind: 'dispose', handle: U32_MAX - 1 }],
  ['delete', { kind: 'delete', name: 'a', force: 0 }],
  ['delete, forced', { kind: 'delete', name: 'a', force: 1 }],
  ['tag', { kind: 'tag', name: 'a', attributes: [[1, 'good']], removed: [2, 3] }],
  [
    'promise of a name',
    { kind: 'promise', promise: 1, member: 0, promiseKind: 0, pattern: 'a[1]' },
  ],
  [
    'promise of a glob',
    { kind: 'promise', promise: 2, member: 0, promiseKind: 1, pattern: 'run/*/t[0-9]?' },
  ],
  ['close', { kind: 'close', promise: 1 }],
  ['unkeep', { kind: 'unkeep', name: 'a', deadline: 0 }],
  ['lease', { kind: 'lease', size: 2 ** 31, least: 4_096, handle: 1, deadline: 0 }],
  ['lease for no handle', { kind: 'lease', size: 64, least: 64, handle: U32_MAX, deadline: 1 }],
  ['return', { kind: 'return', slab: 0, offset: 2 ** 33, size: 64 }],
  ['adopt', { kind: 'adopt', file: 'adopt-1234', size: 2 ** 30 }],
  ['stat', { kind: 'stat', name: 'a' }],
  ...SELECTING_CASES,
  ['members', { kind: 'members' }],
  ['explain a name', { kind: 'explain', what: 0, name: 'a' }],
  ['explain rings', { kind: 'explain', what: 2, name: '' }],
  ['info', { kind: 'info' }],
  ['stop', { kind: 'stop', force: 1, deadline: 0 }],
  ['ok', { kind: 'ok', first: 1, last: 1_000_000, record: 0, bytes: 1 }],
  [
    'fail',
    {
      kind: 'fail',
      request: 7,
      retryable: true,
      code: 'deadline-passed',
      message: 'Cannot demand "a": nobody has offered it',
      fields: { name: 'a', waited: 600_000, promised: [] },
    },
  ],
  [
    'fail with a code of the future',
    { kind: 'fail', request: 8, retryable: false, code: 'x-new', message: '', fields: {} },
  ],
  ['welcome', { kind: 'welcome', request: 1, member: 3, name: 'océan[4]', granted: {} }],
  ['bye', { kind: 'bye', request: 9, names: ['a', 'b/ç'] }],
  ['bye, nothing withdrawn', { kind: 'bye', request: 9, names: [] }],
  [
    'opened',
    {
      kind: 'opened',
      request: 12,
      version: 1,
      consistency: 1,
      space: { dtype: 'float32', shape: [8], order: 'row', byteOrder: 'little' },
      attributes: { level: 850 },
    },
  ],
  [
    'deliver, nothing',
    {
      kind: 'deliver',
      request: 5,
      version: 1,
      source: 0,
      space: { dtype: 'uint8', order: 'row', byteOrder: 'little', shape: [0] },
      attributes: {},
      payload: null,
    },
  ],
  [
    'deliver, inline, with attributes',
    {
      kind: 'deliver',
      request: 5,
      version: 2,
      source: 1,
      space: { dtype: 'int16', order: 'row', byteOrder: 'big', shape: [2] },
      attributes: { units: 'K', level: 850, scale: new Float(1) },
      payload: Uint8Array.of(0, 1, 0, 2),
    },
  ],
  [
    'deliver, a slice',
    {
      kind: 'deliver',
      request: U64_MAX,
      version: U32_MAX,
      source: 2,
      space: { dtype: 'float32', order: 'row', byteOrder: 'little', shape: [181, 360] },
      attributes: {},
      payload: { slab: 3, offset: 4_096, size: 260_640 },
    },
  ],
  [
    'parts, inline and a slice',
    {
      kind: 'parts',
      request: 7,
      parts: [
        {
          region: { dimensions: 0, boxes: [[]], points: [] },
          source: 1,
          payload: Uint8Array.of(1),
        },
        {
          region: { dimensions: 1, boxes: [[[[5, 1, 2]]]], points: [] },
          source: 2,
          payload: { slab: 1, offset: 64, size: 2 },
        },
      ],
    },
  ],
  [
    'deliver, two parts',
    {
      kind: 'deliver',
      request: 7,
      version: 1,
      source: 4,
      space: { dtype: 'uint8', order: 'row', byteOrder: 'little', shape: [7] },
      attributes: {},
      payload: null,
      parts: 2,
    },
  ],
  [
    'deliver, a slice given',
    {
      kind: 'deliver',
      request: 6,
      version: 1,
      source: 3,
      space: { dtype: 'bool', order: 'column', byteOrder: 'little', shape: [64] },
      attributes: {},
      payload: { slab: 0, offset: 0, size: 64 },
    },
  ],
  ['grant', { kind: 'grant', request: 4, slab: 1, offset: 2 ** 30, size: 2 ** 30 }],
  ['value', { kind: 'value', request: 3, value: { objects: ['a', 'b'], next: null } }],
  ['value, deeper than attributes', { kind: 'value', request: 3, value: [{ a: nested() }] }],
  ['reclaim', { kind: 'reclaim', bytes: 2 ** 30 }],
  ['notice', { kind: 'notice', code: 'pool-stopping', message: 'The pool stops', fields: {} }],
  ['slab gone', { kind: 'slabGone', slab: 7 }],
];

export const FRAMES: readonly (readonly [string, AnyFrame])[] = [
  [
    'hello, a new session',
    {
      kind: 'hello',
      lowest: 1,
      highest: 1,
      role: 0,
      token: 's3cret',
      pool: '',
      session: 0,
      secret: new Uint8Array(0),
      received: 0,
      process: {
        client: 'attacca 0.1.0',
        host: 'node-17',
        pid: 4_242,
        startTime: 123_456_789,
        bootId: '5f6f4f6e-0d5d-4f0e-8d6c-3d6c2b7f1a11',
        pidNamespace: 'pid:[4026531836]',
        command: 'model.py --steps 10',
      },
    },
  ],
  [
    'hello, resuming, versions of the future',
    {
      kind: 'hello',
      lowest: 1,
      highest: 9,
      role: 0,
      token: '',
      pool: 'weather-3f2a',
      session: 12,
      secret,
      received: U64_MAX,
      process: {},
    },
  ],
  [
    'hello of a data connection',
    {
      kind: 'hello',
      lowest: 1,
      highest: 1,
      role: 1,
      token: 's3cret',
      pool: 'weather-3f2a',
      session: 12,
      secret,
      received: 0,
      process: {},
    },
  ],
  [
    'accept',
    {
      kind: 'accept',
      version: 1,
      poolId: 'weather-3f2a',
      poolName: 'weather',
      session: 12,
      secret,
      received: 0,
      resumed: false,
      pool: {
        software: 'attacca 0.1.0',
        bootId: '5f6f4f6e-0d5d-4f0e-8d6c-3d6c2b7f1a11',
        slabs: '/dev/shm/attacca-3f2a',
        data: ['tcp://node-17:7001'],
        pid: 4_000,
        limits: { frameBytesMax: 4_194_304, inlineBytesMax: 65_536, sessionAwayMsMax: 30_000 },
      },
    },
  ],
  [
    'refuse',
    {
      kind: 'refuse',
      retryable: false,
      code: 'version-mismatch',
      message: 'Cannot open a session: no version in common',
      fields: { lowest: 2, highest: 3 },
    },
  ],
  ['messages, none', { kind: 'messages', first: 1, ack: 0, messages: [] }],
  [
    'messages, a batch',
    {
      kind: 'messages',
      first: 41,
      ack: 7,
      messages: [
        { kind: 'declare', handle: 1, member: 0, name: 'a', space: {}, attributes: [] },
        {
          kind: 'offer',
          handle: 1,
          scope: 0,
          durability: 0,
          source: 1,
          lifetime: 0,
          payload: Uint8Array.of(1),
        },
        { kind: 'dispose', handle: 1 },
      ],
    },
  ],
  ['ack', { kind: 'ack', ack: 0 }],
  ['ack, largest', { kind: 'ack', ack: U64_MAX }],
  ['write', { kind: 'write', transfer: 1, slab: 2, offset: 64, payload: Uint8Array.of(1, 2, 3) }],
  ['read', { kind: 'read', transfer: 2, slab: 2, offset: 2 ** 32, size: 2 ** 31 }],
  ['data', { kind: 'data', transfer: 2, offset: 64, payload: Uint8Array.of(9, 8) }],
  ['data, empty', { kind: 'data', transfer: 2, offset: 64, payload: new Uint8Array(0) }],
  ['done', { kind: 'done', transfer: 2, size: 2 ** 31 }],
  ['failed', { kind: 'failed', transfer: 2, code: 'bad-lease', message: 'Cannot read: no lease' }],
];

export const GLOBS: readonly { glob: string; name: string; matches: boolean }[] = (
  [
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'any/thing', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abbd', false],
    ['*.nc', 'run/1/t.nc', true],
    ['?', '🌊', true],
    ['??', '🌊', false],
    ['t[0-9]', 't5', true],
    ['t[0-9]', 'tx', false],
    ['t[!0-9]', 'tx', true],
    ['t[!0-9]', 't', false],
    ['[a-]', '-', true],
    ['[-a]', '-', true],
    ['[^a]', '^', true],
    ['[a\\]]', ']', true],
    ['[海-🌊]', '🌊', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['\\\\', '\\', true],
    ['*a*b*', 'xxaxxb', true],
    ['*a*b*', 'xxbxxa', false],
  ] as const
).map(([glob, name, matches]) => ({ glob, name, matches }));

interface Refused {
  readonly name: string;
  readonly of: 'frame' | 'message' | 'value';
  readonly code: ErrorCode;
  readonly hex: string;
}

/** Written by hand, as no writer writes them. Spaces part the fields. */
export const REFUSED: readonly Refused[] = [
  { name: 'size below 4', of: 'frame', code: 'bad-frame', hex: '03000000 05 000000' },
  { name: 'size above the limit', of: 'frame', code: 'frame-too-large', hex: '01004000 04 000000' },
  { name: 'kind not known', of: 'frame', code: 'bad-frame', hex: '04000000 0b 000000' },
  {
    name: 'reserved bytes',
    of: 'frame',
    code: 'bad-frame',
    hex: '0c000000 05 010000 0000000000000000',
  },
  { name: 'short ack', of: 'frame', code: 'bad-frame', hex: '0b000000 05 000000 00000000000000' },
  {
    name: 'ack of 2^53',
    of: 'frame',
    code: 'bad-frame',
    hex: '0c000000 05 000000 0000000000002000',
  },
  {
    name: 'messages numbered from 0',
    of: 'frame',
    code: 'bad-frame',
    hex: '14000000 04 000000 0000000000000000 0000000000000000',
  },
  {
    name: 'message longer than its frame',
    of: 'frame',
    code: 'bad-frame',
    hex: '1c000000 04 000000 0100000000000000 0000000000000000 09000000 0500 0000',
  },
  {
    name: 'message shorter than its header',
    of: 'frame',
    code: 'bad-frame',
    hex: '1c000000 04 000000 0100000000000000 0000000000000000 07000000 0500 0000',
  },
  {
    name: 'hello without ATCA',
    of: 'frame',
    code: 'bad-frame',
    hex: '08000000 01 000000 47455420',
  },
  { name: 'code not known', of: 'message', code: 'bad-message', hex: '08000000 7f00 0000' },
  { name: 'flags', of: 'message', code: 'bad-message', hex: '08000000 0500 0100' },
  { name: 'bytes left over', of: 'message', code: 'bad-message', hex: '09000000 0500 0000 00' },
  { name: 'short', of: 'message', code: 'bad-message', hex: '0b000000 1200 0000 010000' },
  {
    name: 'policy not known',
    of: 'message',
    code: 'bad-message',
    hex: '0d000000 1500 0000 01000000 02',
  },
  { name: 'empty name', of: 'message', code: 'bad-name', hex: '0c000000 4000 0000 00000000' },
  {
    name: 'name with NUL',
    of: 'message',
    code: 'bad-name',
    hex: '0e000000 4000 0000 02000000 6100',
  },
  {
    name: 'name that is not UTF-8',
    of: 'message',
    code: 'bad-name',
    hex: '0d000000 4000 0000 01000000 ff',
  },
  {
    name: 'name of 1,001 characters',
    of: 'message',
    code: 'bad-name',
    hex: `f5030000 4000 0000 e9030000 ${'61'.repeat(1_001)}`,
  },
  {
    name: 'name of a member without a component',
    of: 'message',
    code: 'bad-name',
    hex: '17000000 0200 0000 00000000 03000000 5b315d 00000000',
  },
  {
    name: 'attribute twice',
    of: 'message',
    code: 'bad-attribute',
    hex: '1a000000 1100 0000 01000000 00 00 00 ff 0200 0100 01 01 0100 01 01',
  },
  {
    name: 'attribute null',
    of: 'message',
    code: 'bad-attribute',
    hex: '15000000 1100 0000 01000000 00 00 00 ff 0100 0100 00',
  },
  {
    name: 'dtype not known',
    of: 'message',
    code: 'bad-message',
    hex: '12000000 1100 0000 01000000 11 00 00 ff 0000',
  },
  {
    name: 'a string of no bytes',
    of: 'message',
    code: 'bad-message',
    hex: '18000000 1100 0000 01000000 0f 00 00 ff 0400 00000000 0000',
  },
  {
    name: 'fields that overlap',
    of: 'message',
    code: 'bad-message',
    hex:
      '27000000 1100 0000 01000000 10 00 00 ff 1300 02000000 02 ' +
      '01 61 00000000 02 01 62 00000000 02 0000',
  },
  {
    name: 'a dtype that says another size',
    of: 'message',
    code: 'bad-message',
    hex: '18000000 1100 0000 01000000 0f 00 00 ff 0500 04000000 0000',
  },
  {
    name: 'too many dimensions',
    of: 'message',
    code: 'bad-message',
    hex: '12000000 1100 0000 01000000 00 00 00 11 0000',
  },
  {
    name: 'dimension of 2^53',
    of: 'message',
    code: 'bad-message',
    hex: '1a000000 1100 0000 01000000 00 00 00 01 0000000000002000 0000',
  },
  { name: 'type not known', of: 'value', code: 'bad-message', hex: '0a' },
  { name: 'bool of 2', of: 'value', code: 'bad-message', hex: '01 02' },
  {
    name: 'uint64 that fits int64',
    of: 'value',
    code: 'bad-message',
    hex: '03 ffffffffffffff7f',
  },
  { name: 'overlong UTF-8', of: 'value', code: 'bad-message', hex: '05 02000000 c080' },
  { name: 'a surrogate', of: 'value', code: 'bad-message', hex: '05 03000000 eda080' },
  { name: 'list of 2^32-1 items', of: 'value', code: 'bad-message', hex: '08 ffffffff 00' },
  {
    name: 'a key twice',
    of: 'value',
    code: 'bad-message',
    hex: '09 02000000 01000000 61 00 01000000 61 00',
  },
  {
    name: 'nine lists deep',
    of: 'value',
    code: 'bad-message',
    hex: `${'08 01000000 '.repeat(9)}00`,
  },
];

export const REFUSED_GLOBS: readonly string[] = [
  ...['[', '[a', '[]', '[!]', '[z-a]', 'a\\', '*'.repeat(17), 'a'.repeat(1_001)],
];
