import { z } from 'zod';
import { FLAGS, OUTCOMES } from '../schemas/outcome.ts';
import type { NasProfile } from '../schemas/profile.ts';
import type {
  FeedHourView,
  FeedProfilesView,
  FeedProfileView,
  FeedsView,
  FeedSummaryView,
  NasProfilesView,
  TakenView,
} from '../schemas/feed-views.ts';
import { count, each, time } from './schema-parts.ts';

const quality = {
  nasId: z.string().describe("'' = NAS that no place was left for, and records that name none"),
  records: count,
  skewMedianMs: z.int().describe('append time - event time; negative where the clock of the NAS is ahead'),
  skewMaxMs: z.int().describe('farthest from zero'),
  interimSeconds: count.nullable().describe('learned or configured; null = not known, 0 = it sends none'),
  openSessions: count,
  notBillable: z.boolean().describe('counters may have wrapped unseen: nobody can bill from its figures'),
};

const hour = z.object({
  ...quality,
  hour: time.describe('start of the hour of append time, UTC'),
  outcomes: each(OUTCOMES, count),
  flags: each(FLAGS, count),
}) satisfies z.ZodType<FeedHourView>;

const summary = z.object({
  ...quality,
  duplicateShare: z.number().describe('of the records, 0 to 1'),
  deadLetters: count,
  missingStops: count.describe('sessions that ended without a Stop'),
  lastHour: time.describe('start of the newest hour with anything of it, UTC'),
}) satisfies z.ZodType<FeedSummaryView>;

const feeds = z.object({
  from: time,
  to: time,
  nas: z.array(summary).describe('by NAS id'),
  hours: z.array(hour).describe('newest first'),
  truncated: z.boolean().describe('there is more: ask for less time or one NAS'),
}) satisfies z.ZodType<FeedsView>;

const nasProfile = z.object({
  nasId: z.string().describe('* = all that have no profile of their own'),
  reversed: z.boolean(),
  unit: z.enum(['octets', 'kilobytes']),
  startToleranceSeconds: count,
  gigawords: z.boolean(),
  countersReset: z.boolean(),
  redundancyGroup: z.string().nullable(),
  onOff: z.enum(['close', 'ignore']),
  interimSeconds: count.nullable(),
  subSessions: z.enum(['sum', 'parent', 'children', 'split', 'shared']),
  ipv6: z.enum(['subset', 'additive']),
  classes: z.array(z.object({ match: z.string(), serviceClass: z.string() })),
}) satisfies z.ZodType<NasProfile>;

const nasProfiles = z.object({ profiles: z.array(nasProfile) }) satisfies z.ZodType<NasProfilesView>;

const feedProfile = z.object({
  feedId: z.string(),
  countFrom: time.nullable().describe('UTC; null = everything is charged'),
}) satisfies z.ZodType<FeedProfileView>;

const feedProfiles = z.object({ profiles: z.array(feedProfile) }) satisfies z.ZodType<FeedProfilesView>;

const taken = z.object({
  of: z.string(),
  change: z.string(),
  by: z.string().describe('name of the API key'),
}) satisfies z.ZodType<TakenView>;

/** Answers about feeds, NAS and commands by the name that OpenAPI gives them. */
export const FEED_SCHEMAS = {
  Feeds: feeds,
  NasProfile: nasProfile,
  NasProfiles: nasProfiles,
  FeedProfile: feedProfile,
  FeedProfiles: feedProfiles,
  Taken: taken,
} as const;
