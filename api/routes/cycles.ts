import type { FastifyInstance } from 'fastify';
import type { CycleSummaryView, CycleView } from '../../schemas/tariff-views.ts';
import type { ClosedCycle } from '../../schemas/usage-record.ts';
import type { CycleSum } from '../../storage/people-ports.ts';
import type { CycleRow } from '../../storage/tariff-ports.ts';
import { answers } from '../answers.ts';
import { params } from '../change.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { sumOf } from '../money.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { instantView, iso } from '../tariff-view.ts';
import { storedSubscriber } from './subscribers.ts';

const MAY_LOOK = { roles: ['viewer', 'analyst', 'operator', 'billing'] } as const;
const TAGS = ['cycles'];
/** Closed cycles of one subscriber that are looked through: 83 years of months, more than any is stored. */
const MOST_CLOSED = 1_000;

const STATUS = { type: 'string', enum: ['open', 'closing', 'closed'] } as const;

/** Billing cycles: of everybody, to see what is not closed; of one subscriber, with what each came to. */
export function cycleRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { reads } = sources;
  app.get<{ Querystring: AskedPage & { status?: CycleRow['status']; endBefore?: string } }>(
    '/v1/cycles',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Cycles of all subscribers',
        tags: TAGS,
        querystring: {
          type: 'object',
          properties: {
            ...PAGE_QUERY,
            status: STATUS,
            endBefore: { ...INSTANT, description: 'that ended before it' },
          },
          additionalProperties: false,
        },
        response: answers({ 200: ['CycleSummaries', 'By subscriber, the latest first'] }),
      },
    },
    async ({ query: { status = null, endBefore, ...query } }) => {
      const { limit, after } = pagePart(query);
      const endBeforeMs = endBefore === undefined ? null : instantMs(endBefore, 'endBefore');
      const filter = { subscriberId: null, status, endBeforeMs };
      return pageView(await reads.cycles(filter, limit, after), summaryView);
    },
  );
  app.get<{ Params: { id: string }; Querystring: AskedPage }>(
    '/v1/subscribers/:id/cycles',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Cycles of a subscriber: usage, parts, allowance, and what they came to',
        tags: TAGS,
        params: params('id'),
        querystring: { type: 'object', properties: PAGE_QUERY, additionalProperties: false },
        response: answers({ 200: ['Cycles', 'The latest first'] }),
      },
    },
    async ({ params: { id }, query }) => {
      const { limit, after } = pagePart(query);
      await storedSubscriber(sources, id);
      const filter = { subscriberId: id, status: null, endBeforeMs: null };
      const [page, closed] = await Promise.all([
        reads.cycles(filter, limit, after),
        sources.records.closedCycles(id, MOST_CLOSED),
      ]);
      const starts = page.items.map(({ startMs }) => startMs);
      const sums = await sources.items.cycleSums(id, starts);
      const known = new Map(closed.map((cycle) => [cycle.cycleStartMs, cycle]));
      return pageView(page, (row) =>
        cycleView(
          row,
          known.get(row.startMs) ?? null,
          sums.filter(({ cycleStartMs }) => cycleStartMs === row.startMs),
        ),
      );
    },
  );
}

function summaryView({
  subscriberId,
  startMs,
  endMs,
  status,
  closedMs,
  termsDiffer,
}: CycleRow): CycleSummaryView {
  return {
    ...{ subscriberId, status, termsDiffer },
    start: iso(startMs),
    end: iso(endMs),
    closedAt: instantView(closedMs),
  };
}

function cycleView(row: CycleRow, closed: ClosedCycle | null, sums: readonly CycleSum[]): CycleView {
  return {
    ...summaryView(row),
    totals: closed && totalsOf(closed),
    parts:
      closed?.parts?.map(({ fromMs, toMs, planId, version, unlimited, countedBytes }) => ({
        ...{ planId, version, unlimited },
        from: iso(fromMs),
        to: iso(toMs),
        countedBytes: String(countedBytes),
      })) ?? null,
    allowance: allowanceOf(closed),
    overage: overageOf(closed),
    items: sums.reduce((total, { items }) => total + items, 0),
    sum: sumOf(sums),
  };
}

/** As measured; what corrections made of it stands in the adjustments. */
function totalsOf({ classes }: ClosedCycle): CycleView['totals'] {
  const sum = (of: 'downBytes' | 'upBytes'): string =>
    String(classes.reduce((total, one) => total + BigInt(one[of]), 0n));
  return { downBytes: sum('downBytes'), upBytes: sum('upBytes') };
}

function allowanceOf(closed: ClosedCycle | null): CycleView['allowance'] {
  const allowance = closed?.allowance;
  if (allowance === undefined) return null;
  const { baseBytes, carryInBytes, carryOutBytes, topUps } = allowance;
  return {
    baseBytes: baseBytes === null ? null : String(baseBytes),
    carryInBytes: String(carryInBytes),
    carryOutBytes: String(carryOutBytes),
    topUps: topUps.map(({ id, usedBytes }) => ({ id, usedBytes: String(usedBytes) })),
  };
}

function overageOf(closed: ClosedCycle | null): CycleView['overage'] {
  const overage = closed?.overage;
  if (overage === undefined) return null;
  const { blocks, soldBytes, overBytes, correctedBytes } = overage;
  return {
    blocks,
    soldBytes: String(soldBytes),
    overBytes: String(overBytes),
    correctedBytes: String(correctedBytes),
  };
}
