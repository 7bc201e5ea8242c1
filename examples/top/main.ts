/**
 * Looks at a pool while a model fills it: how fast, and who waits for what. Run it with
 * `node dist/examples/top/main.js`.
 */
import { connect, join } from 'attacca';
import { top } from 'attacca/apps';
import { serve } from 'attacca/server';

const server = await serve({ name: 'top', memoryBytes: 2 ** 26 });
const { address } = server;
try {
  await using model = await join({ address, member: 'model' });
  await using plot = await join({ address, member: 'plot' });
  const end = new AbortController();
  const waiting = plot.object('never').demand({ signal: end.signal });
  waiting.catch(() => {});
  await using view = await connect({ address });
  for await (const { rates, waits, members } of top(view, { intervalMs: 100, count: 2 })) {
    if (rates === null) {
      // Between the first look and the second one something happens.
      for (let step = 0; step < 50; step++) await model.put(`t/${step}`, new Float64Array(100));
      continue;
    }
    console.log(`${members.length} members, it is filled: ${rates.objects > 0}`);
    for (const wait of waits) console.log(`${wait['member']} waits for ${wait['object']}`);
  }
  end.abort();
} finally {
  await server.close();
}
