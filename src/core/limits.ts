import { assert } from './assert.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Every bound of Attacca, in one place. Each refusal that one of them causes has a code in
 * errors.ts; docs/operating/limits.md says what happens at each. Unit and qualifier stand last.
 */
export const LIMITS = {
  /** A frame of the control connection: bounds what a garbage length can make us buffer. */
  frameBytesMax: 4 * MiB,
  /** A frame of the data connection: small enough to interleave, large enough to amortise. */
  dataFrameBytesMax: 1 * MiB + 64,
  /** What a peer may have un-sent before we stop reading from it. */
  sendQueueBytesMax: 64 * MiB,
  /** Unacknowledged replies kept for resume, a session. */
  sessionRepliesMax: 262_144,
  sessionReplyBytesMax: 64 * MiB,
  /** Those of all sessions together: above it, who holds more than an even share must wait. */
  repliesBytesMax: 1_024 * MiB,
  /** What one session was sent and has not acknowledged: above it, it is told no more events. */
  sessionEventBytesMax: 16 * MiB,
  /** Answers to one session in one turn: what it asks beyond has its turn after the others. */
  turnAnswerBytesMax: 256 * KiB,
  /** What the requests of one session take in one turn of the manager: the same holds. */
  turnMsMax: 20,
  /** Deadlines and lifetimes that end in one turn: the rest of those that are due comes behind. */
  turnDeadlinesMax: 1_024,
  /** What is stepped as one batch: with it a record of the journal ends. */
  batchBytesMax: 4 * MiB,
  /** Unacknowledged requests a client keeps for resume. */
  sessionRequestsMax: 1_048_576,
  sessionRequestBytesMax: 256 * MiB,
  /** Away for longer than this while the process is unknown or gone: crashed. */
  sessionAwayMsMax: 30_000,
  sessionsMax: 16_384,
  sessionHandlesMax: 16_777_216,
  sessionKeysMax: 65_535,
  membersMax: 65_536,
  /** 1,000 characters of any script must work (contract); UTF-8 takes up to four bytes each. */
  nameCharactersMax: 1_000,
  nameBytesMax: 4_000,
  memberNameBytesMax: 255,
  keyBytesMax: 255,
  keysMax: 1_048_576,
  attributesMax: 1_024,
  attributeBytesMax: 64 * KiB,
  valueDepthMax: 8,
  dimensionsMax: 16,
  /** Bytes of one element: of a string, or of a struct with its padding. */
  itemBytesMax: 64 * KiB,
  /** Fields of one struct, and structs within one another. */
  fieldsMax: 255,
  dtypeDepthMax: 4,
  fieldNameBytesMax: 255,
  /** A dtype as it is encoded, and its text. */
  dtypeBytesMax: 8 * KiB,
  dtypeTextMax: 32 * KiB,
  /** Dtypes whose texts a process need not read again. */
  dtypesParsedMax: 256,
  /** Boxes of which a region is made. */
  regionBoxesMax: 256,
  /** Runs of even steps in a region, of all its axes and of its points. */
  regionRunsMax: 65_536,
  /** Points of one region: they are looked at one by one. */
  regionPointsMax: 1_048_576,
  /** A region as it is encoded. */
  regionBytesMax: 1 * MiB,
  /** Parts of one version. */
  partsMax: 65_536,
  /** Runs of all parts of one version: each part that comes is compared with them. */
  partsRunsMax: 1_048_576,
  /** Runs of one set that lie within one another: each is compared with each. */
  regionWovenRunsMax: 1_024,
  /** Regions that one request writes to an open object, or reads from it. */
  transferRegionsMax: 65_536,
  /** Transfers of open objects that are under way, or wait for a commit. */
  openTransfersMax: 65_536,
  /** The regions of all those transfers, as they are encoded. */
  openRegionsBytesMax: 64 * MiB,
  /** Locks of one open object, held and waited for: one that is asked for is compared with all. */
  locksMax: 4_096,
  /** Runs of the regions of all those locks. */
  locksRunsMax: 262_144,
  /** Axes of a cube; with the dimensions of its objects they are a space. */
  cubeAxesMax: 12,
  /** Objects of one cube: a process keeps the labels of all. */
  cubeObjectsMax: 1_048_576,
  /** Places of a cube that one demand plans over, and labels that one axis is told to have. */
  cubePlacesMax: 1_048_576,
  /** Objects of one group, and their names: an attribute of it, beside which it has others. */
  groupMembersMax: 16_384,
  groupNamesBytesMax: 56 * KiB,
  /** Barriers at which somebody waits. */
  barriersMax: 16_384,
  objectsMax: 0x7fff_fff0,
  waitsMax: 4_194_304,
  /** Lifetimes of kept objects that run. */
  timersMax: 16_777_216,
  /** Names, attributes, tags and small payloads that the manager holds in memory. */
  recordBytesMax: 4_096 * MiB,
  promisesMax: 65_536,
  /** What the last events of a pool take: older ones are forgotten. */
  eventBytesMax: 64 * MiB,
  /** Subscriptions of a pool, and of one member. */
  subscriptionsMax: 65_536,
  memberSubscriptionsMax: 4_096,
  /** Topics that one subscription names. */
  topicsMax: 256,
  /** Deliveries of one subscription that are not acknowledged. */
  eventsUnackedMax: 65_536,
  /** Versions that one standing require keeps for its members. */
  pinsMax: 1_048_576,
  /** Shared standing requires that are complete, and remembered when more is promised. */
  groupsCompleteMax: 1_024,
  /** Step queues of a pool. */
  queuesMax: 1_024,
  /** Deliveries that one member has at a time, and has not acknowledged. */
  eventsWindowMax: 4_096,
  /** Events that are looked at for one that is behind, before others have their turn. */
  eventsLookedMax: 16_384,
  /** Operations that are held for acknowledgements, or behind such a one, and their bytes. */
  operationsHeldMax: 65_536,
  operationsHeldBytesMax: 256 * MiB,
  /** Objects that one request by a selector may have which is held: all wait as one. */
  selectedHeldMax: 2_048,
  /** Why something is vetoed. */
  reasonBytesMax: 1_000,
  promiseGlobsMax: 4_096,
  globStarsMax: 16,
  selectorBytesMax: 64 * KiB,
  /** Parentheses, lists and `not` within one another, and groups in a regular expression. */
  selectorDepthMax: 64,
  selectorNodesMax: 4_096,
  /** A glob or regular expression in a selector. */
  patternBytesMax: 4 * KiB,
  /** States of the automata of one selector together: a byte of text costs no more steps. */
  regexSizeMax: 16_384,
  /** Steps of some nanosecond each that one request with a selector may cost in one part. */
  selectorStepsMax: 67_108_864,
  /** A file of a schema. */
  schemaFileBytesMax: 256 * KiB,
  /** Values in it, those that an alias stands for counted each time. */
  schemaValuesMax: 65_536,
  /** Keys that one schema defines: an object can have them all. */
  schemaKeysMax: 1_024,
  /** The text of a type. */
  typeBytesMax: 4 * KiB,
  /** Schemas known at once, each version counted. */
  schemasMax: 1_024,
  /** Problems of attributes that one error lists. */
  schemaProblemsMax: 100,
  /** What the schemas may ask of the attributes of one object: some 10 ms. */
  coercionStepsMax: 65_536,
  /** Of each kind that a pool knows: schemas, containers, collections. */
  definitionsMax: 1_024,
  /** One of them, and all of one kind together. */
  definitionBytesMax: 256 * KiB,
  definitionsBytesMax: 16 * MiB,
  /** Transforms of one chain. */
  transformsMax: 64,
  /** The text of an expression, and how deep it may be nested. */
  expressionCharactersMax: 4_096,
  expressionDepthMax: 64,
  /** A user's WebAssembly: the module, its memory, and how long it may run if nobody says more. */
  wasmModuleBytesMax: 16 * MiB,
  wasmMemoryBytesMax: 1_024 * MiB,
  wasmMsDefault: 10_000,
  /** Threads of a process that copy and transform. */
  transformThreadsMax: 8,
  /** What an object tells that tells of a file: its bytes, and what it lists. */
  fileHeaderBytesMax: 256 * MiB,
  fileDimensionsMax: 65_536,
  fileVariablesMax: 65_536,
  fileAttributesMax: 1_048_576,
  /** Of one attribute: as many as HDF5 has. */
  attributeDimensionsMax: 32,
  /** What waits for one of them: pieces of large demands, each a few hundred bytes. */
  transformJobsMax: 16_384,
  /** What lies in one HDF5 file, how deep, and bytes of one attribute. */
  hdf5EntriesMax: 65_536,
  hdf5DepthMax: 32,
  hdf5AttributeBytesMax: 64 * MiB,
  /** One call of HDF5, which goes on for ever with some files that are damaged. */
  hdf5CallMsMax: 120_000,
  /** A chunk of a Zarr array, which is in memory as a whole, packed and unpacked. */
  zarrChunkBytesMax: 512 * MiB,
  /** Codecs of one array, one behind another. */
  zarrCodecsMax: 32,
  /** Objects of a store from here on are arrays of Zarr; smaller ones lie in packs. */
  storeArrayBytesMin: 1 * MiB,
  /** A pack of a store is closed at either: its index is in memory until then. */
  storePackBytesMax: 256 * MiB,
  storePackRecordsMax: 262_144,
  /** Name, space and attributes of an object in a store. */
  storeHeadBytesMax: 16 * MiB,
  /** What is put into a store and not yet written: puts beyond it wait. */
  storeQueueBytesMax: 64 * MiB,
  /** Values of a GRIB message: as doubles and as float32 they take 3 GiB. */
  gribValuesMax: 268_435_456,
  /** To decode one message. */
  gribMessageMsMax: 120_000,
  /** What a tracer has open: lives of objects, waits, uses. */
  traceSpansMax: 262_144,
  /** Rows of one member and kind in a trace for Perfetto. */
  traceLanesMax: 256,
  /** What waits for who takes a trace over the network, and is away. */
  traceBacklogMax: 65_536,
  traceBacklogBytesMax: 64 * MiB,
  listPageMax: 32_768,
  explainRowsMax: 1_000,
  /** Parts whose statistics one answer of STAT has. */
  statPartsMax: 100,
  /** A payload within a message; larger ones go through a slab. */
  inlineBytesMax: 64 * KiB,
  /** All payloads within messages that the pool holds. */
  inlineTotalBytesMax: 256 * MiB,
  slabBytesMax: 2 * 1024 * MiB,
  slabsMax: 4_096,
  /** Slices that are being measured at a time: the others wait for their turn. */
  measuresMax: 64,
  /** The statistics of one slice, as they are kept: a sum of 512 bytes, 64 bins, single numbers. */
  measuredBytesMax: KiB,
  /** What encoded bytes are decoded to before they are measured, and each step on the way. */
  measuredDecodedBytesMax: 256 * MiB,
  /** Slices start on 64 bytes, from 1 MiB on a page. */
  sliceAlignBytes: 64,
  pageBytes: 4_096,
  pageAlignFromBytes: 1 * MiB,
  deadlineDefaultMs: 600_000,
  /** How long after a member's death its promises stay open for its return. */
  promiseGraceMs: 10_000,
  /** Part of the memory kept for objects that someone requires: one in this many. */
  reserveFraction: 8,
  /** Versions of which is remembered what they were made of: a power of two. */
  entitiesMax: 1_048_576,
  /** Demands that are remembered: a power of two. */
  usesMax: 2_097_152,
  /** Names of those versions, and what is told of who made and used them. */
  provenanceBytesMax: 256 * MiB,
  /** Of both, what stays in a pool that is empty and remembers eight times as much. */
  provenanceLeftMax: 16_384,
  /** Versions and objects in one answer of LINEAGE. */
  lineageNodesMax: 1_000,
} as const;

/** On the wire: this deadline never passes. */
export const ENDLESS = 0xffff_ffff;

assert(LIMITS.inlineBytesMax * 4 <= LIMITS.frameBytesMax, 'a frame holds several inline payloads');
assert(
  LIMITS.attributeBytesMax + LIMITS.nameBytesMax + LIMITS.dtypeBytesMax + 1_024 <=
    LIMITS.frameBytesMax,
  'the largest declare fits a frame',
);
assert(
  // A field takes 6 bytes and its name; as a text 22 characters, and its name in quotes.
  4 * LIMITS.dtypeBytesMax <= LIMITS.dtypeTextMax,
  'what can be encoded has a text that can be read',
);
assert(LIMITS.groupNamesBytesMax < LIMITS.attributeBytesMax, 'a group has attributes, too');
assert(LIMITS.fieldsMax < 256 && LIMITS.fieldNameBytesMax < 256, 'both are told in a byte');
assert(LIMITS.dtypeBytesMax < 0x1_0000, 'the size of a description is told in two bytes');
assert(LIMITS.regexSizeMax <= 0x1_0000, 'states of an automaton are kept in 16 bits');
assert(LIMITS.schemaKeysMax <= LIMITS.attributesMax, 'an object can have each key of a schema');
assert(LIMITS.cubeAxesMax < LIMITS.dimensionsMax, 'a cube of arrays is an array');
assert(LIMITS.slabBytesMax < 2 ** 32, 'a Node 20 view ends at 4 GiB');
assert(LIMITS.frameBytesMax <= LIMITS.sessionReplyBytesMax, 'one frame of replies can be kept');
assert(
  LIMITS.sessionEventBytesMax * 2 <= LIMITS.sessionReplyBytesMax,
  'events alone bring no session so far that its requests wait',
);
