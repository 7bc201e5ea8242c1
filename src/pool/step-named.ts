import { refuse } from '../core/assert.js';
import { decodeUtf8 } from '../core/utf8.js';
import {
  EXPLAIN,
  MESSAGE,
  readCount,
  readDefine,
  readDefinitions,
  readDelete,
  readEmpty,
  readEndSelected,
  readExplain,
  readFacets,
  readGather,
  readLineage,
  readQuery,
  readSort,
  readStat,
  readStop,
  readTag,
  readTagSelected,
  readUnkeep,
} from '../protocol/index.js';
import { define, definitions } from './defining.js';
import { deleteObject, tag } from './deleting.js';
import { emitValue } from './emit.js';
import { explainName, explainRings, explainWaits } from './explain.js';
import { facets } from './facets.js';
import { askerOf } from './handles.js';
import { lineage } from './lineage.js';
import { info, members, objectNamed } from './looking.js';
import { count, query } from './querying.js';
import { endSelected, gather, tagSelected } from './selected.js';
import type { Session } from './sessions.js';
import { sort } from './sorting.js';
import { statWithParts } from './stat-parts.js';
import type { PoolState } from './state.js';
import { stop } from './stopping.js';
import { unkeep } from './unkeeping.js';

/** Requests that name an object, and those that look. */
export function applyNamed(
  pool: PoolState,
  session: Session,
  request: number,
  code: number,
): boolean {
  const r = pool.reader;
  const message = pool.decoder;
  switch (code) {
    case MESSAGE.delete: {
      readDelete(r, message.delete);
      const { member, nameStart, nameEnd, force } = message.delete;
      const by = askerOf(session, member);
      deleteObject(pool, by, objectNamed(pool, nameStart, nameEnd), force === 1);
      return true;
    }
    case MESSAGE.tag: {
      readTag(r, message.tag);
      const { member, nameStart, nameEnd } = message.tag;
      const by = askerOf(session, member);
      tag(pool, session, by, objectNamed(pool, nameStart, nameEnd), message.tag);
      return true;
    }
    case MESSAGE.unkeep: {
      readUnkeep(r, message.unkeep);
      const { member, nameStart, nameEnd } = message.unkeep;
      const by = askerOf(session, member);
      unkeep(pool, by, objectNamed(pool, nameStart, nameEnd));
      return true;
    }
    case MESSAGE.stat: {
      readStat(r, message.stat);
      const object = objectNamed(pool, message.stat.nameStart, message.stat.nameEnd);
      emitValue(pool, session, request, statWithParts(pool, object));
      return false;
    }
    case MESSAGE.members:
      readEmpty(r);
      emitValue(pool, session, request, members(pool));
      return false;
    case MESSAGE.explain: {
      readExplain(r, message.explain);
      const { what, nameStart, nameEnd } = message.explain;
      if (what === EXPLAIN.name) {
        emitValue(pool, session, request, explainName(pool, nameStart, nameEnd));
      } else if (what === EXPLAIN.selector) {
        const text = decodeUtf8(r.bytes, nameStart, nameEnd);
        emitValue(pool, session, request, pool.searching.explain(text));
      } else {
        const rows = what === EXPLAIN.waits ? explainWaits(pool) : explainRings(pool);
        emitValue(pool, session, request, rows);
      }
      return false;
    }
    case MESSAGE.lineage:
      readLineage(r, message.lineage);
      emitValue(pool, session, request, lineage(pool, message.lineage));
      return false;
    case MESSAGE.info:
      readEmpty(r);
      emitValue(pool, session, request, info(pool));
      return false;
    case MESSAGE.stop:
      readStop(r, message.stop);
      stop(pool, session, request, message.stop.force === 1);
      return false;
    default:
      return applySelecting(pool, session, request, code);
  }
}

/** Requests with a selector. */
function applySelecting(pool: PoolState, session: Session, request: number, code: number): boolean {
  const r = pool.reader;
  const message = pool.decoder;
  switch (code) {
    case MESSAGE.query:
      readQuery(r, message.query);
      query(pool, session, request, message.query);
      return false;
    case MESSAGE.sort:
      readSort(r, message.sort);
      sort(pool, session, request, message.sort);
      return false;
    case MESSAGE.count:
      readCount(r, message.count);
      emitValue(pool, session, request, count(pool, message.count));
      return false;
    case MESSAGE.facets:
      readFacets(r, message.facets);
      emitValue(pool, session, request, facets(pool, message.facets));
      return false;
    case MESSAGE.tagSelected:
      readTagSelected(r, message.tagSelected);
      emitValue(pool, session, request, tagSelected(pool, session, message.tagSelected));
      return false;
    case MESSAGE.gather:
      readGather(r, message.gather);
      emitValue(pool, session, request, gather(pool, session, message.gather));
      return false;
    case MESSAGE.define:
      define(pool, readDefine(r));
      return true;
    case MESSAGE.definitions:
      emitValue(pool, session, request, definitions(pool, readDefinitions(r)));
      return false;
    case MESSAGE.endSelected:
      readEndSelected(r, message.endSelected);
      emitValue(pool, session, request, endSelected(pool, session, message.endSelected));
      return false;
    default:
      return refuse('bad-message', `Cannot apply a message: the code ${code} is not known`, {
        code,
      });
  }
}
