import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamOf } from '../../bench/weather/streams.js';

test('fields of a kind of one producer share a stream', () => {
  assert.equal(streamOf('fc/number=1/step=006/level=500/param=u'), 'fc/number=1/param=u');
  assert.equal(streamOf('fc/number=1/step=012/level=250/param=u'), 'fc/number=1/param=u');
  assert.equal(
    streamOf('fc/number=3/step=006/levtype=ml/level=1/param=2'),
    'fc/number=3',
    'all messages of a member go to one consumer',
  );
  assert.equal(
    streamOf('product/wind-speed/number=1/step=006/level=250'),
    'product/wind-speed/number=1',
  );
  assert.equal(streamOf('product/largest-wind/level=250'), 'product/largest-wind');
});
