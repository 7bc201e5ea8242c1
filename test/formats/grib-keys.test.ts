import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { keysOfMessage } from '../../src/formats/grib/keys.js';
import { fc } from '../fast-check.js';
import { sharedData } from './shared-data.js';

const members = sharedData('era5-levels-members.grib');
test('keys of real messages are those of MARS', { skip: members.skip }, () => {
  const file = readFileSync(members.path);
  assert.deepEqual(keysOfMessage(file), {
    ...{ edition: 1, centre: 98, param: 129, levtype: 'pl', levelist: 500, date: 20170101 },
    ...{ time: 0, step: 0, class: 'ea', type: 'an', stream: 'enda', expver: '0001', number: 0 },
  });
});

const surface = sharedData('era5-2mt-2019-03-uk.grib');
test('a field of the surface has no level, one without an ensemble no number', {
  skip: surface.skip,
}, () => {
  assert.deepEqual(keysOfMessage(readFileSync(surface.path)), {
    ...{ edition: 1, centre: 98, param: 167, levtype: 'sfc', date: 20190301, time: 0, step: 0 },
    ...{ class: 'ea', type: 'an', stream: 'oper', expver: '0001' },
  });
});

/** Sections 0, 1 and 4 of edition 2: temperature at 850 hPa, 6 hours ahead, member 3 of 50. */
function edition2(): Uint8Array {
  const bytes = new Uint8Array(16 + 21 + 37 + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from('GRIB'), 0);
  bytes[7] = 2;
  view.setUint32(16, 21);
  bytes[20] = 1;
  view.setUint16(16 + 5, 98);
  view.setUint16(16 + 12, 2026);
  bytes.set([11, 27, 12, 30], 16 + 14);
  const product = 16 + 21;
  view.setUint32(product, 37);
  bytes[product + 4] = 4;
  view.setUint16(product + 7, 1);
  bytes[product + 17] = 1;
  view.setUint32(product + 18, 6);
  bytes[product + 22] = 100;
  view.setUint32(product + 24, 85_000);
  bytes.set([3, 3, 50], product + 34);
  return bytes;
}

test('edition 2 says what it can without tables', () => {
  assert.deepEqual(keysOfMessage(edition2()), {
    ...{ edition: 2, discipline: 0, centre: 98, date: 20261127, time: 1230, step: 6 },
    ...{ productDefinitionTemplateNumber: 1, parameterCategory: 0, parameterNumber: 0 },
    ...{ levtype: 'pl', levelist: 850, number: 3 },
  });
});

test('what is cut or changed has fewer keys, and is never a failure', () => {
  const whole = edition2();
  for (let size = 0; size <= whole.length; size++) keysOfMessage(whole.subarray(0, size));
  const changed = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(changed, fc.constantFrom(1, 2), (changes, edition) => {
      const bytes = whole.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      bytes[7] = edition;
      for (const value of Object.values(keysOfMessage(bytes))) {
        assert.ok(typeof value === 'string' || Number.isFinite(value));
      }
    }),
  );
});
