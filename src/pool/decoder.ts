import {
  Acknowledge,
  BarrierFields,
  Commit,
  Count,
  Declare,
  Delete,
  Demand,
  Emit,
  EndSelected,
  Explain,
  Facets,
  Gather,
  Key,
  Lease,
  Leave,
  Lineage,
  Lock,
  Messages,
  Offer,
  OfferGroup,
  Open,
  PromiseFields,
  Query,
  RegionFields,
  Require,
  RequireMember,
  Return,
  SetFields,
  Sort,
  Stat,
  Stop,
  Subscribe,
  Tag,
  TagSelected,
  Take,
  Transfer,
  Unkeep,
  Unlock,
  Unsubscribe,
  Veto,
  Withdraw,
} from '../protocol/index.js';

/**
 * Working memory of step: each message is read into one of these and applied before the next, so
 * that no operation makes an object. Nothing of it outlives a step.
 */
export class Decoder {
  readonly messages = new Messages();
  readonly key = new Key();
  readonly leave = new Leave();
  readonly declare = new Declare();
  readonly set = new SetFields();
  readonly offer = new Offer();
  readonly group = new OfferGroup();
  readonly barrier = new BarrierFields();
  readonly region = new RegionFields();
  readonly open = new Open();
  readonly transfer = new Transfer();
  readonly commit = new Commit();
  readonly lock = new Lock();
  readonly unlock = new Unlock();
  readonly withdraw = new Withdraw();
  readonly require = new Require();
  readonly requireMember = new RequireMember();
  readonly demand = new Demand();
  readonly delete = new Delete();
  readonly tag = new Tag();
  readonly promise = new PromiseFields();
  readonly unkeep = new Unkeep();
  readonly lease = new Lease();
  readonly return = new Return();
  readonly stat = new Stat();
  readonly query = new Query();
  readonly sort = new Sort();
  readonly count = new Count();
  readonly facets = new Facets();
  readonly tagSelected = new TagSelected();
  readonly endSelected = new EndSelected();
  readonly gather = new Gather();
  readonly lineage = new Lineage();
  readonly explain = new Explain();
  readonly stop = new Stop();
  readonly subscribe = new Subscribe();
  readonly unsubscribe = new Unsubscribe();
  readonly acknowledge = new Acknowledge();
  readonly veto = new Veto();
  readonly emit = new Emit();
  readonly take = new Take();
}
