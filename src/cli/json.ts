export { eventJson, formatTimestamp, toJson } from '../apps/json.js';
