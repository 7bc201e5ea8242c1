import { GROUP_CANARIES } from '../../src/sim/group-canaries.js';
import { testCanaries } from './canary.js';

testCanaries(GROUP_CANARIES);
