/** `attacca/files`: files of other programs, into a pool and out of it. */
export { type ExportedFile, type ExportOptions, exportFile } from './export.js';
export type { Skipped } from './format.js';
export { importFile } from './import.js';
export type { ImportedFile, ImportedObject, ImportOptions } from './offering.js';
export type { Wanted } from './room.js';
