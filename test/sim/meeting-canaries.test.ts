import { MEETING_CANARIES } from '../../src/sim/meeting-canaries.js';
import { testCanaries } from './canary.js';

testCanaries(MEETING_CANARIES);
