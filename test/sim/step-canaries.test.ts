import { STEP_CANARIES } from '../../src/sim/step-canaries.js';
import { testCanaries } from './canary.js';

testCanaries(STEP_CANARIES);
