import { Arena } from '../catalog/arena.js';
import { Directory } from '../catalog/directory.js';
import { Extents } from '../catalog/extents.js';
import { Shapes } from '../catalog/shapes.js';
import type { Signature } from '../catalog/signature.js';
import { Table } from '../catalog/table.js';
import { Terms } from '../catalog/terms.js';
import { Reader, Writer } from '../core/bytes.js';
import type { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { Space } from '../core/space.js';
import type { Measured } from '../core/statistics/measure.js';
import type { ValueMap } from '../core/value.js';
import { Attributes, Keys } from './attributes.js';
import { Barriers } from './barriers.js';
import { Decoder } from './decoder.js';
import { Definitions } from './definitions.js';
import { Depended } from './depended.js';
import { EventsState } from './events/events-state.js';
import type { HeldOperation } from './events/held-operation.js';
import type { SelectedAhead } from './events/held-selected.js';
import type { Indices } from './indices.js';
import { Measures } from './measures.js';
import { NameKey } from './name-key.js';
import { OpenState } from './open-state.js';
import type { PartIndex } from './part-index.js';
import { Prepared } from './prepared.js';
import { Provenance } from './provenance.js';
import { Regions } from './regions.js';
import { HANDLE, OBJECT, PART, PARTITION, VERSION, WANTED } from './rows.js';
import { Searching } from './searching.js';
import { type Member, NOTHING_UNREAD, type PromiseRow, type Session } from './sessions.js';
import { Spaces } from './spaces.js';
import { Unready } from './unready.js';
import { Waits } from './waits.js';

/** What a pool is made with; part of its history, so that a replay starts from the same. */
export interface PoolOptions {
  readonly id: string;
  readonly name: string;
  /** Of the hash of names: random, so that nobody can choose names that collide. */
  readonly hashSeed: number;
  /** Shared memory that the agent may make slabs of, in bytes; 0: none. */
  readonly memoryBytesMax: number;
  readonly deadlineDefaultMs: number;
  readonly promiseGraceMs: number;
  /** What a success says of its record: one of DURABILITY. */
  readonly durability: number;
  /** How durable bytes in slabs are: files outlive the manager, its own memory does not. */
  readonly slabDurability: number;
  /** Whether there is a store, on a disk, that bytes in slabs are written to for who asks. */
  readonly hasStore: boolean;
  /** Whether freed bytes are reported, for the agent to poison them (ATTACCA_CHECK=1). */
  readonly reportFreed: boolean;
  /** What the last events may take, in bytes, and how old they may be, in ms; 0: as they are. */
  readonly eventBytesMax: number;
  readonly eventAgeMsMax: number;
  /** Whether what is offered is measured. */
  readonly statistics: boolean;
  /** The manager that makes this history: random, 48 bits. It stamps the memory with it. */
  readonly life: number;
  /** Of the key of session secrets: those of another one are not good. */
  readonly sessionKeyId: number;
  /** The manager that had stamped the memory that this one took over; 0: none. */
  readonly lifeBefore: number;
  /** What a clock on the wall showed at time 0 of the pool, as this manager has it: ms of 1970. */
  readonly wallMs: number;
}

/** What the pool asks of its agent and shell. Rare: not on the path of an object. */
export type Effect =
  | { readonly kind: 'slab-wanted'; readonly slab: number; readonly size: number }
  | { readonly kind: 'slab-gone'; readonly slab: number }
  | {
      readonly kind: 'adopt';
      readonly slab: number;
      readonly file: string;
      readonly size: number;
      readonly session: number;
      readonly request: number;
    }
  | {
      readonly kind: 'freed';
      readonly slab: number;
      readonly offset: number;
      readonly size: number;
    }
  /** Bytes are to be moved to an open object, or from it; one after the other, as asked. */
  | TransferEffect
  /** Bytes to be written to the store, durably; answered for by `ask`. */
  | StoreEffect
  /** They are not needed there any more, also if they are being written. */
  | ({ readonly kind: 'unstore' } & Stored)
  /** Bytes to be measured; each is answered for, also when it is not there any more. */
  | { readonly kind: 'measure'; readonly asked: readonly MeasureAsked[] }
  | { readonly kind: 'session-ended'; readonly session: number; readonly crashed: boolean }
  /** Slabs were gone when a manager took the pool over: so many versions went with them. */
  | { readonly kind: 'lost'; readonly versions: number; readonly bytes: number }
  /** Somebody asked for a name that this session holds: is its process still alive? */
  | { readonly kind: 'name-contested'; readonly session: number }
  | { readonly kind: 'stop' };

/** By what the store knows bytes. */
export interface Stored {
  readonly name: string;
  readonly version: number;
  /** The number of a part of it; 0: all of it. */
  readonly part: number;
}

/** What an object is called in the store, what it is, and where its bytes lie. */
export interface StoreEffect extends Stored {
  readonly kind: 'store';
  readonly ask: number;
  readonly space: Space;
  readonly attributes: ValueMap;
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

/** Where bytes are: in a slab, or here. */
type Place =
  | { readonly slab: number; readonly offset: number; readonly size: number }
  | { readonly bytes: Uint8Array };

/** Regions whose bytes lie one behind the other. */
export interface Lain {
  /** What the bytes are: dtype, order, byte order. */
  readonly as: Omit<Space, 'shape'>;
  /** Encoded, each behind its size. */
  readonly regions: Uint8Array;
  readonly count: number;
  readonly place: Place;
}

export interface TransferEffect {
  readonly kind: 'transfer';
  readonly transfer: number;
  readonly isWrite: boolean;
  /** The object, and where all of it lies. */
  readonly space: Space;
  readonly whole: { readonly slab: number; readonly offset: number; readonly size: number };
  readonly payload: Lain;
  /** Of a read: what its member has written and not committed, to be laid over, in order. */
  readonly over: readonly Lain[];
}

/** What the agent measures: its answer names `ask`. */
export interface MeasureAsked extends Measured {
  readonly ask: number;
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
  /** Of bytes that stand for other elements, which are to be measured. */
  readonly encoded?: EncodedBytes;
}

/** Bytes that are encoded. */
export interface EncodedBytes {
  /** What was done to the elements, and what they are: as their attribute says it. */
  readonly how: string;
  /** What came in a message: it lies in no slab. */
  readonly inline: Uint8Array | null;
}

/** A request for memory that waits; first come, first served. */
export interface LeaseWait {
  readonly wait: number;
  readonly session: Session;
  readonly request: number;
  readonly size: number;
  readonly least: number;
  /** Name of the object it is for, or ''. */
  readonly object: string;
  /** 0 for none, or once it is forgotten. */
  objectRow: number;
}

/** A request to adopt a file that the agent has not answered. */
interface AdoptPending {
  readonly file: string;
  readonly size: number;
  readonly session: number;
  readonly request: number;
}

/** A member that is gone, for `explain`. */
interface Departed {
  readonly name: string;
  readonly how: 'left' | 'crashed';
  readonly when: number;
}

/** All that the pool knows. Changed by `step` alone. */
export class PoolState {
  options: PoolOptions;
  /** Pool time in ms: monotonic, comes with each input. */
  now = 0;
  /** Nobody comes in and nothing is offered any more; what is under way goes on. */
  stopping = false;

  readonly arena = new Arena();
  readonly keys = new Keys();
  readonly terms: Terms;
  readonly shapes: Shapes;
  readonly attributes: Attributes;
  readonly definitions = new Definitions();
  readonly spaces: Spaces;
  readonly objects = new Table(OBJECT.width);
  readonly handles = new Table(HANDLE.width);
  readonly versions = new Table(VERSION.width);
  readonly partitions = new Table(PARTITION.width);
  readonly parts = new Table(PART.width);
  readonly wanted = new Table(WANTED.width);
  readonly directory = new Directory();
  readonly waits = new Waits();
  readonly extents = new Extents();
  /** Who made what of what, of objects that are gone as well. */
  readonly provenance = new Provenance();
  readonly depended = new Depended();
  readonly events: EventsState;
  readonly measures = new Measures();
  readonly barriers = new Barriers();
  /** The `seq` from which on a version is ready, of those that were offered before that. */
  readonly readySince = new Map<number, number>();
  /** Versions that are withdrawn, and depend on what is not there. */
  readonly unreadyOld = new Unready();
  /** By the version of a group: those of its members, by their objects. */
  readonly groups = new Map<number, ReadonlyMap<number, number>>();
  /** Offers that wait until their bytes are in the store, by the number of the question. */
  readonly storing = new Map<number, HeldOperation>();
  storeNext = 1;
  /** By whom something of an object goes to the store, and who waits for that, for which object. */
  readonly storingOf = new Map<number, HeldOperation>();
  readonly storeWaits = new Map<HeldOperation, number>();
  /** The offer that is applied just now has waited for it. */
  isStored = false;
  /** By which number, if it is one of a part. */
  storedPart = 0;
  /** What the request by a selector is for that is applied after it was held; null: it was not. */
  selectedAhead: SelectedAhead | null = null;
  /** All objects: a set of the terms' postings. */
  all = 0;

  readonly sessions = new Map<number, Session>();
  /** Told by who sends what the pool says. */
  unread = NOTHING_UNREAD;
  readonly members = new Map<number, Member>();
  readonly membersByName = new Map<string, Member>();
  /** Indices in use, by component. */
  readonly indices = new Map<string, Indices>();
  /** Bounded: the oldest goes first. */
  readonly departed = new Map<number, Departed>();
  memberIdNext = 1;

  readonly promises = new Map<number, PromiseRow>();
  /** Promises of one name, by that name. */
  readonly promisesByName = new Map<string, PromiseRow[]>();
  readonly promiseGlobs: PromiseRow[] = [];
  /** They are about streams: no name alone meets them. */
  readonly promiseSelectors: PromiseRow[] = [];
  promiseIdNext = 1;

  /** Head of the list of objects with requires that wait for the next version. */
  unboundHead = 0;
  requiresOpen = 0;
  /** Why a require has failed, by its handle: for the demand that comes after that. */
  readonly failures = new Map<number, AttaccaError>();
  readerLeases = 0;
  bytesInline = 0;
  readonly leaseWaits: LeaseWait[] = [];
  /** Those of them that are for an object that exists, by its row. */
  readonly leaseWaitsByObject = new Map<number, Set<LeaseWait>>();
  /** Memory came free, or those who wait for it changed: looked at before the step ends. */
  leasesDue = false;

  slabNext = 0;
  /** Waits that nobody asked for by a request. */
  timers = 0;
  /** The slab that the agent was asked for and has not answered: one at a time. */
  slabPending: { readonly slab: number; readonly size: number } | null = null;
  /** Why the agent could not make the last slab, or ''. */
  slabFailure = '';
  /** Slabs that are adopted files, with the sessions that know of them. */
  readonly slabsAdopted = new Map<number, Set<Session>>();
  /**
   * Files that the agent was asked to adopt and has not answered for, by the slab that each is to
   * become; they count against the limit already.
   */
  readonly adoptsPending = new Map<number, AdoptPending>();

  operations = 0;

  // Working memory of step; nothing here outlives an input.
  readonly decoder = new Decoder();
  readonly prepared = new Prepared();
  readonly reader = new Reader();
  readonly scratch = new Writer(8_192);
  readonly signature: Signature = { low: 0, high: 0 };
  readonly termsShown = new Uint32Array(LIMITS.attributesMax * 2);
  readonly nameKey = new NameKey(this.objects, this.arena);
  readonly dirty: Session[] = [];
  readonly effects: Effect[] = [];
  readonly searching: Searching;
  readonly regions = new Regions(this.arena);
  /** By version, of those with many parts: working memory, made of the rows where it is missing. */
  readonly partIndexes = new Map<number, PartIndex>();
  /** What members write to, and by what: beside the tables. */
  readonly open = new OpenState();
  /** Objects whose version in parts may be over: looked at before the message ends. */
  readonly partitionsDue: number[] = [];
  /** Objects that may have become ready: looked at before the message ends. */
  readonly readyDue = new Set<number>();
  /** The last answer to who holds the memory. */
  holdersKnown: { readonly operations: number; readonly rows: ValueMap[] } | null = null;

  constructor(options: PoolOptions) {
    this.options = options;
    this.terms = new Terms(this.arena, options.hashSeed);
    this.shapes = new Shapes(this.arena, this.terms.postings, options.hashSeed);
    this.attributes = new Attributes(this.arena, this.terms, this.shapes, this.keys);
    this.spaces = new Spaces(this.arena, options.hashSeed);
    this.events = new EventsState(this.attributes, this.spaces, options.hashSeed);
    this.searching = new Searching(this);
  }

  get slabBytesPending(): number {
    return this.slabPending?.size ?? 0;
  }

  get adoptBytesPending(): number {
    let bytes = 0;
    for (const { size } of this.adoptsPending.values()) bytes += size;
    return bytes;
  }

  /** What further slabs may still bring, as far as one knows. */
  get bytesToCome(): number {
    const { extents, options, adoptBytesPending } = this;
    if (this.slabFailure !== '' || extents.slabs.size >= LIMITS.slabsMax) return 0;
    return Math.max(0, options.memoryBytesMax - extents.bytesTotal - adoptBytesPending);
  }

  /** Kept back for objects that somebody requires, of what is there and what may come. */
  get bytesReserved(): number {
    return reserveOf(this.extents.bytesLeasable + this.bytesToCome);
  }
}

/** How much of so many bytes is kept back for objects that somebody requires. */
export function reserveOf(bytes: number): number {
  return Math.floor(bytes / LIMITS.reserveFraction);
}
