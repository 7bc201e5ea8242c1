/** `attacca/apps`: the programs that conduct a workflow, as functions over a pool. */
export {
  type Archived,
  type ArchiveFailure,
  type ArchiverOptions,
  type ArchiverSummary,
  archiver,
} from './archive/archiver.js';
export {
  type CheckpointOptions,
  type CheckpointSummary,
  checkpoint,
  lastCheckpoint,
} from './archive/checkpoint.js';
export {
  type LendFailure,
  type Lent,
  type LibrarianOptions,
  type LibrarianSummary,
  librarian,
  type MissedHint,
} from './archive/librarian.js';
export type { CompleteStep, StepObject } from './archive/steps.js';
export { type KeepAliveOptions, type KeptAlive, keepAlive } from './keep-alive.js';
export { CannotStart, ProgramFailed, type ProgramOptions, runProgram } from './program.js';
export {
  type StepAnswer,
  type StepOptions,
  type StepOutcome,
  type StepSummary,
  step,
} from './step.js';
export { type PoolCounters, type PoolSample, type TopOptions, top } from './top.js';
export type { NoCalls } from './tracer/calls.js';
export {
  TRACE_FORMATS,
  type TraceFormat,
  type TracerOptions,
  type TracerSummary,
  tracer,
} from './tracer/tracer.js';
export { type WatchedFile, type WatchOptions, type WatchSummary, watch } from './watch/watch.js';
export {
  type FailedAttempt,
  type Run,
  type RunEnd,
  type RunFunction,
  type WhenOptions,
  type WhenSummary,
  when,
} from './when.js';
