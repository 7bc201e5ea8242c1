import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FromAgent } from '../../src/server/agent-messages.js';
import { AgentServer } from '../../src/server/agent-server.js';
import { SlabStore } from '../../src/server/slab-store.js';
import { WriteGates } from '../../src/server/write-gates.js';

test('a slab whose file cannot be removed is spoken of: its bytes are counted by nobody', async (t) => {
  t.mock.method(SlabStore.prototype, 'remove', () => Promise.reject(new Error('EBUSY')));
  const message = await new Promise<FromAgent>((resolve) => {
    const agent = new AgentServer(
      {
        slabs: null,
        dataSocket: '/nowhere',
        listen: null,
        door: { token: '', poolId: '', poolName: '' },
        secretKey: new Uint8Array(32),
        connectionsMax: 1,
        pool: {},
        slabsKept: [],
        slabsAdopting: [],
        store: null,
        writeGates: new WriteGates().memory,
      },
      resolve,
    );
    agent.receive({ kind: 'slab-gone', slab: 3 });
  });
  assert.deepEqual(message, {
    kind: 'slab-stays',
    slab: 3,
    why: { code: 'internal', message: 'EBUSY' },
  });
});
