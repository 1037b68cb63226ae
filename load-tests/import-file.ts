import { ownAccount } from '../schemas/billing.ts';
import { Random } from '../simulator/random.ts';

/** Plans that the people of the file have. */
export const IMPORTED_PLANS = ['load-100', 'load-300', 'load-500'] as const;

const ZONES = ['Europe/Berlin', 'Europe/Vienna', 'Europe/Lisbon'];
const PIECE = 2_000;
/** All plans of the file hold from here on: the first of a month. */
const FROM = '2026-01-01T00:00:00Z';

function importedId(n: number): string {
  return `sub-${String(n).padStart(7, '0')}`;
}

/**
 * A file of subscribers as a provider's own system gives it, piece by piece; the same seed, the same file.
 *
 * @param withPlans each has its plan in the same file
 */
export function* subscribersFile(subscribers: number, seed: number, withPlans: boolean): Generator<string> {
  const random = new Random(seed, 'import');
  const plans = new Random(seed, 'plans');
  const header = 'subscriber_id,account_id,external_id,segment,zone,overage_consent,user_names';
  yield `${header}${withPlans ? ',plan,plan_from' : ''}\n`;
  yield* inPieces(subscribers, (n) => {
    const id = importedId(n);
    const segment = random.chance(0.1) ? 'business' : 'residential';
    const zone = ZONES[random.between(0, ZONES.length - 1)] ?? 'UTC';
    const consent = String(random.chance(0.3));
    return `${id},${ownAccount(id)},crm-${n},${segment},${zone},${consent},line-${n}@provider.example${withPlans ? `,${planOf(plans)},${FROM}` : ''}\n`;
  });
}

/** What each of them has: a plan. */
export function* assignmentsFile(subscribers: number, seed: number): Generator<string> {
  const random = new Random(seed, 'plans');
  yield 'subscriber_id,plan_id,from,to\n';
  yield* inPieces(subscribers, (n) => `${importedId(n)},${planOf(random)},${FROM},\n`);
}

function planOf(random: Random): string {
  return IMPORTED_PLANS[random.between(0, IMPORTED_PLANS.length - 1)] ?? IMPORTED_PLANS[0];
}

function* inPieces(count: number, line: (n: number) => string): Generator<string> {
  for (let at = 0; at < count; at += PIECE) {
    let piece = '';
    for (let n = at; n < Math.min(at + PIECE, count); n += 1) piece += line(n);
    yield piece;
  }
}
