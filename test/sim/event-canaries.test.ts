import { EVENT_CANARIES } from '../../src/sim/event-canaries.js';
import { testCanaries } from './canary.js';

testCanaries(EVENT_CANARIES);
