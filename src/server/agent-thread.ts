/**
 * The agent: a thread of its own that makes slabs, maps them, and moves the bytes of data
 * connections, so that bulk never shares an event loop with the pool.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../core/assert.js';
import type { AgentStart, FromAgent, ToAgent } from './agent-messages.js';
import { AgentServer } from './agent-server.js';

const port = parentPort;
assert(port !== null, 'the agent is started as a thread');
const start: AgentStart = workerData;
const agent = new AgentServer(start, (message: FromAgent) => port.postMessage(message));
port.on('message', (message: ToAgent) => agent.receive(message));
await agent.start();
