/** Connections are cut within frames, and the manager is killed on top of that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cuttingProxy } from '../client/support/proxy.js';
import { Crew, LONG } from './crew.js';

test('sockets are cut in mid-frame, and the manager is killed', LONG, async (t) => {
  let cuts = (): number => 0;
  const crew = await Crew.make(t, {
    through: async (address) => {
      const options = { seed: 7, bytesMax: 400_000, spareFirst: 2_000 };
      const proxy = await cuttingProxy(t, address, options);
      cuts = () => proxy.cuts;
      return proxy.address;
    },
  });
  await crew.loop(async () => {
    if (crew.random() < 0.5) await crew.restartManager();
  });
  await crew.finish();
  t.diagnostic(`${cuts()} cuts`);
  assert.ok(cuts() > 0);
});
