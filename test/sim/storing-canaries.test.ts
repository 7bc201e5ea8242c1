import { STORING_CANARIES } from '../../src/sim/storing-canaries.js';
import { testCanaries } from './canary.js';

testCanaries(STORING_CANARIES);
