export { type Dice, random } from '../../src/sim/dice.js';
