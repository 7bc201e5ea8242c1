/**
 * The TypeScript client of Attacca.
 *
 * ```ts
 * import { join } from 'attacca';
 *
 * await using pool = await join({ member: 'model[0]' });
 * const t = pool.object('t/850', { space: { dtype: 'float32', shape: [181, 360] } });
 * t.array.set(values);
 * await t.offer();
 * ```
 */
export type { IndexPick, Label, LabelPick } from '../core/cubes/axis.js';
export { AttaccaError, ERROR_CODES, type ErrorCode, type ErrorFields } from '../core/errors.js';
export {
  type AxisSelection,
  type Dealing,
  dealAxis,
  type RegionSelection,
} from '../core/regions/selection.js';
export { parseSchema, type Schema } from '../core/schema/schema.js';
export { Schemas } from '../core/schema/schemas.js';
export { parseTemplate, type Template } from '../core/schema/template.js';
export type {
  ByteOrder,
  Dtype,
  NumericDtype,
  Order,
  Space,
  SpaceExpectation,
  StringDtype,
  StructDtype,
} from '../core/space.js';
export { Float, Timestamp, type Value, type ValueMap } from '../core/value.js';
export { Transforms } from '../transforms/registry.js';
export type { Codec, FieldLayout, TransformSpec } from '../transforms/spec.js';
export type { FollowOptions } from './appending.js';
export type {
  AnyArray,
  ArrayOf,
  ArrayTypes,
  Bytes,
  ElementOf,
  ReadonlyArrayView,
} from './arrays.js';
export type { BatchFailure } from './batch-failures.js';
export type { OfferItem, OfferManyOptions } from './batch-offer.js';
export type { Acknowledged, Durability } from './call.js';
export type { Catalog } from './catalog.js';
export type { Coords, CoordsOf, CubeArray } from './cubes/array.js';
export type { Cube } from './cubes/cube.js';
export type { CubeOptions, ToldCoords } from './cubes/definition.js';
export type { CubeDemandOptions } from './cubes/demanding.js';
export type { Misfit } from './cubes/members.js';
export type { CubeIndexPick, CubePick } from './cubes/picks.js';
export type { Transport, TransportChoice } from './data-plane.js';
export {
  type AttributesOf,
  coerceAttributes,
  type DefinedSchema,
  defineSchema,
  type SchemaDocument,
} from './define-schema.js';
export type {
  CollectionOptions,
  ContainerOptions,
  Definition,
  Relation,
} from './defining.js';
export type { DeliveredGroup } from './delivered-group.js';
export type { DeriveOptions } from './deriving.js';
export type { PoolEvent } from './events/event.js';
export type { PoolEventKind, SubscribeOptions } from './events/options.js';
export type { MissedSteps, RequireAllOptions, RequiredAll } from './events/required-all.js';
export type { StepQueueOptions } from './events/step-queue.js';
export type { EventWaitOptions, Subscription } from './events/subscription.js';
export type { FacetOptions, FacetValues, Histogram } from './faceting.js';
export {
  decodeStrings,
  encodeStrings,
  type Field,
  type FieldArrays,
  fieldsOf,
  structOf,
} from './fields.js';
export type { PoolGroup } from './group.js';
export type { GroupObject } from './group-object.js';
export type { HandleState } from './handle.js';
export { type ConnectOptions, connect, type JoinOptions, join } from './join.js';
export type {
  Lineage,
  LineageActivity,
  LineageEdge,
  LineageNode,
  LineageOptions,
} from './lineage.js';
export type { PoolObject } from './object.js';
export type { OfferedMany } from './offered-many.js';
export type { Consistency, OpenObject, RegionOptions } from './open/open-object.js';
export type { CreateOptions, GatheringOptions } from './open/opening.js';
export type { LockOptions, RegionLock } from './open/region-lock.js';
export { RegionTransfer, type TransferStatus } from './open/region-transfer.js';
export type {
  Attributes,
  EncodingOptions,
  ObjectOptions,
  OfferOptions,
  ReplaceOptions,
  RequireOptions,
  WaitOptions,
  WholeOfferOptions,
} from './options.js';
export type { Part } from './part.js';
export type { Pool, TypedObjectOptions } from './pool.js';
export type { PoolPromise, Promised } from './pool-promise.js';
export type { PoolView } from './pool-view.js';
export type { ProvDocument } from './prov.js';
export type { Delivered, ObjectVersion, Owned } from './received.js';
export type { BarrierOptions } from './rendezvous.js';
export type { RequiredMany } from './required-many.js';
export { loadSchema, type SchemaFileOptions } from './schema-file.js';
export type { Changed, ChangeOptions, Found, QueryOptions } from './selecting.js';
export type { DemandOptions, Shaping } from './shaping.js';
