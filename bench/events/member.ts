/** A process that makes events, or is told of them. */
import { numberOf, textOf } from '../harness/reply.js';
import { nowNs, takePart } from '../harness/take-part.js';
import type { Kind, Sink, Source } from './sides.js';

let source: Source | null = null;
let sink: Sink | null = null;
let told = 0;
/** What the events said, so that nobody can leave out to look. */
let steps = 0;
let awaited = { count: Infinity, resolve: (_: object): void => {} };

/** Each side loads its own code only. */
async function kindOf(name: string): Promise<Kind> {
  if (name === 'attacca') return (await import('./by-attacca.js')).byAttacca;
  if (name === 'nats') return (await import('./by-nats.js')).byNats;
  const { byChannels, byStreams } = await import('./by-redis.js');
  return name === 'redis_streams' ? byStreams : byChannels;
}

function onTold(step: number): void {
  steps += step;
  if (++told === awaited.count) awaited.resolve({ doneNs: nowNs(), steps });
}

takePart({
  async open(request) {
    const kind = await kindOf(textOf(request, 'kind'));
    if (request['role'] === 'source') source = await kind.source(textOf(request, 'at'));
    else sink = await kind.sink(textOf(request, 'at'));
    return {};
  },
  async subscribe(request) {
    const subscriptions = numberOf(request, 'subscriptions');
    await sink?.subscribe({ subscriptions, isFanOut: request['isFanOut'] === true }, onTold);
    return {};
  },
  async answer() {
    await sink?.answer();
    return {};
  },
  /** Answers when so many have been told, of all since the start. */
  async expect(request) {
    const count = numberOf(request, 'count');
    return await new Promise<object>((resolve) => {
      awaited = { count, resolve };
      if (told >= count) resolve({ doneNs: nowNs(), steps });
    });
  },
  async publish(request) {
    const words = [numberOf(request, 'first'), numberOf(request, 'count')] as const;
    const subscriptions = numberOf(request, 'subscriptions');
    const startNs = nowNs();
    const isEmit = request['isEmit'] === true && source?.emit !== undefined;
    if (isEmit) await source?.emit?.(...words, subscriptions);
    else await source?.publish(...words, subscriptions);
    return { startNs };
  },
  /** Fields one by one, `inFlight` at a time, each when one before it has gone through. */
  async ask(request) {
    const count = numberOf(request, 'count');
    let next = numberOf(request, 'first');
    const end = next + count;
    const startNs = nowNs();
    const one = async (): Promise<void> => {
      while (next < end) await source?.ask(next++);
    };
    await Promise.all(Array.from({ length: numberOf(request, 'inFlight') }, one));
    return { us: (nowNs() - startNs) / 1e3 / count };
  },
});
