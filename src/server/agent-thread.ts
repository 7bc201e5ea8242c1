/**
 * The agent: a thread of its own that makes slabs, maps them, and moves the bytes of data
 * connections, so that bulk never shares an event loop with the pool. The first message it gets
 * says what to serve.
 */
import { parentPort } from 'node:worker_threads';
import { assert } from '../core/assert.js';
import type { AgentStart, FromAgent, ToAgent } from './agent-messages.js';
import { AgentServer } from './agent-server.js';

const port = parentPort;
assert(port !== null, 'the agent is started as a thread');
port.once('message', (start: AgentStart) => {
  const agent = new AgentServer(start, (message: FromAgent) => port.postMessage(message));
  port.on('message', (message: ToAgent) => agent.receive(message));
  agent.start().catch((error: unknown) => {
    // The pool's thread hears of it as the error of this one.
    setImmediate(() => {
      throw error;
    });
  });
});
