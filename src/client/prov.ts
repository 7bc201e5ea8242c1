import type { Lineage, LineageActivity, LineageNode } from './lineage.js';

/** A value of PROV-JSON: a text, or one of another type. */
type ProvValue = string | { readonly $: string; readonly type: string };
type ProvRecord = { readonly [attribute: string]: ProvValue };
type ProvRecords = { readonly [id: string]: ProvRecord };

/**
 * A document of W3C PROV as JSON (https://www.w3.org/submissions/prov-json/): entities are versions
 * of objects, and objects as such, activities the stays of members, agents their processes.
 */
export interface ProvDocument {
  readonly prefix: { readonly [prefix: string]: string };
  readonly entity: ProvRecords;
  readonly activity: ProvRecords;
  readonly agent: ProvRecords;
  readonly wasGeneratedBy: ProvRecords;
  readonly used: ProvRecords;
  readonly wasDerivedFrom: ProvRecords;
  readonly wasAssociatedWith: ProvRecords;
  readonly wasAttributedTo: ProvRecords;
  readonly specializationOf: ProvRecords;
  readonly hadMember: ProvRecords;
  readonly wasInfluencedBy: ProvRecords;
}

/** What words of ours mean. A namespace needs no page behind it. */
const VOCABULARY = 'urn:attacca:vocabulary:';

/** Records of one kind, without a name of their own: PROV names such with `_:`. */
class Relations {
  readonly records: { [id: string]: ProvRecord } = {};
  readonly #prefix: string;
  #count = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  add(record: ProvRecord): void {
    this.records[`_:${this.#prefix}${++this.#count}`] = record;
  }
}

/** A lineage as PROV. The id makes the names those of one pool, in whatever document. */
export function provOf(lineage: Lineage, poolId: string): ProvDocument {
  const ids = idsOf(lineage.nodes);
  const things = new Map(lineage.nodes.map(({ name }) => [name, `object:${escaped(name)}`]));
  const entity: { [id: string]: ProvRecord } = {};
  const specialization = new Relations('s');
  for (const [name, id] of things) entity[id] = { 'prov:label': name };
  lineage.nodes.forEach((node, index) => {
    const id = ids[index] ?? '';
    if (node.version === null) return;
    entity[id] = versionRecord(node);
    const general = things.get(node.name) ?? '';
    specialization.add({ 'prov:specificEntity': id, 'prov:generalEntity': general });
  });
  const stays = lineage.activities.map(({ id, member }) => `stay:${escaped(member)}.${id}`);
  const processes = lineage.activities.map(processId);
  return {
    prefix: prefixesOf(poolId),
    entity,
    activity: recordsOf(stays, lineage.activities.map(stayRecord)),
    agent: recordsOf(processes, lineage.activities.map(processRecord)),
    ...generations(lineage, ids, stays, processes),
    ...between(lineage, ids),
    specializationOf: specialization.records,
  };
}

function prefixesOf(poolId: string): { [prefix: string]: string } {
  const pool = `urn:attacca:pool:${escaped(poolId)}:`;
  return {
    attacca: VOCABULARY,
    object: `${pool}object:`,
    version: `${pool}version:`,
    stay: `${pool}stay:`,
    process: `${pool}process:`,
  };
}

/** Who made and used what. */
function generations(
  lineage: Lineage,
  ids: readonly string[],
  stays: readonly string[],
  processes: readonly string[],
): Pick<ProvDocument, 'wasGeneratedBy' | 'used' | 'wasAssociatedWith' | 'wasAttributedTo'> {
  const generated = new Relations('g');
  const attributed = new Relations('t');
  const used = new Relations('u');
  const associated = new Relations('a');
  lineage.nodes.forEach(({ activity, time }, index) => {
    if (activity === null || time === null) return;
    const id = ids[index] ?? '';
    const by = stays[activity] ?? '';
    generated.add({ 'prov:entity': id, 'prov:activity': by, 'prov:time': time.toISOString() });
    attributed.add({ 'prov:entity': id, 'prov:agent': processes[activity] ?? '' });
  });
  for (const edge of lineage.edges) {
    if (edge.kind === 'part' && edge.activity !== lineage.nodes[edge.from]?.activity) {
      const id = ids[edge.from] ?? '';
      generated.add({ 'prov:entity': id, 'prov:activity': stays[edge.activity] ?? '' });
      attributed.add({ 'prov:entity': id, 'prov:agent': processes[edge.activity] ?? '' });
    }
    if (edge.kind !== 'used') continue;
    used.add({
      'prov:activity': stays[edge.activity] ?? '',
      'prov:entity': ids[edge.to] ?? '',
      'prov:time': edge.time.toISOString(),
    });
  }
  stays.forEach((stay, index) => {
    associated.add({ 'prov:activity': stay, 'prov:agent': processes[index] ?? '' });
  });
  return {
    wasGeneratedBy: generated.records,
    used: used.records,
    wasAssociatedWith: associated.records,
    wasAttributedTo: attributed.records,
  };
}

/** What was made of what, as was noted and as objects say, in the words that PROV has for it. */
function between(
  { edges }: Lineage,
  ids: readonly string[],
): Pick<ProvDocument, 'wasDerivedFrom' | 'wasInfluencedBy' | 'hadMember'> {
  const derived = new Relations('d');
  const influenced = new Relations('i');
  const members = new Relations('m');
  for (const edge of edges) {
    if (edge.kind === 'used' || edge.kind === 'part') continue;
    const [from, to] = [ids[edge.from] ?? '', ids[edge.to] ?? ''];
    const derivation = { 'prov:generatedEntity': from, 'prov:usedEntity': to };
    const relation = edge.kind === 'derived' ? '' : edge.relation;
    const type = typed(`attacca:${relation}`);
    if (edge.kind === 'derived') derived.add(derivation);
    else if (relation === 'derived-from') derived.add({ ...derivation, 'prov:type': type });
    else if (relation === 'supersedes') {
      derived.add({ ...derivation, 'prov:type': typed('prov:Revision') });
    } else if (relation === 'part-of') {
      members.add({ 'prov:collection': to, 'prov:entity': from });
    } else influenced.add({ 'prov:influencee': from, 'prov:influencer': to, 'prov:type': type });
  }
  return {
    wasDerivedFrom: derived.records,
    wasInfluencedBy: influenced.records,
    hadMember: members.records,
  };
}

function recordsOf(ids: readonly string[], records: readonly ProvRecord[]): ProvRecords {
  return Object.fromEntries(ids.map((id, index) => [id, records[index] ?? {}]));
}

function versionRecord({ name, version, state, bytes }: LineageNode): ProvRecord {
  return {
    'prov:label': `${name}, version ${version}`,
    'prov:type': typed('attacca:Version'),
    'attacca:version': long(version ?? 0),
    ...(bytes === null ? {} : { 'attacca:bytes': long(bytes) }),
    'attacca:state': state,
  };
}

function stayRecord({ member, since, until, stay, command }: LineageActivity): ProvRecord {
  return {
    'prov:label': member,
    'prov:startTime': since.toISOString(),
    ...(until === null ? {} : { 'prov:endTime': until.toISOString() }),
    'attacca:stay': stay,
    ...(command === null ? {} : { 'attacca:command': command }),
  };
}

/** Members of one process can run programs of their own: the command is of the stay. */
function processRecord({ host, pid, session }: LineageActivity): ProvRecord {
  return {
    'prov:type': typed('prov:SoftwareAgent'),
    ...(host === null || pid === null ? {} : { 'prov:label': `process ${pid} on ${host}` }),
    ...(host === null ? {} : { 'attacca:host': host }),
    ...(pid === null ? {} : { 'attacca:pid': long(pid) }),
    'attacca:session': long(session),
  };
}

function processId({ session }: LineageActivity): string {
  return `process:${session}`;
}

/**
 * Of each node the name by which PROV knows it. A name that a pool forgets begins again with
 * version 1, so the time of the offer belongs to it: in every document it is the same.
 */
function idsOf(nodes: readonly LineageNode[]): string[] {
  const taken = new Set<string>();
  return nodes.map(({ name, version, time }) => {
    if (version === null) return `object:${escaped(name)}`;
    const base = `version:${escaped(name)}.v${version}.${time?.getTime() ?? 0}`;
    let id = base;
    for (let count = 2; taken.has(id); count++) id = `${base}.${count}`;
    taken.add(id);
    return id;
  });
}

/** As a local name of PROV-N without backslashes, whatever the name holds. */
function escaped(name: string): string {
  return encodeURIComponent(name)
    .replaceAll('%2F', '/')
    .replace(/[!'()*~]|^[.-]|\.$/gu, (mark) => {
      return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
    });
}

function typed(name: string): ProvValue {
  return { $: name, type: 'prov:QUALIFIED_NAME' };
}

function long(value: number): ProvValue {
  return { $: String(value), type: 'xsd:long' };
}
