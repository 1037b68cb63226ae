import { fileURLToPath } from 'node:url';
import type { ItemView } from '../../schemas/tariff-views.ts';
import type { FaultGiven } from '../../simulator/billing/faults.ts';
import { sessionEntries } from './tariff-lines.ts';
import type { PlannedSession } from './tariff-lines.ts';
import { CENTI_GB, TEST_PLANS } from './tariff-reckoning.ts';
import type { History, TestPlanId } from './tariff-reckoning.ts';
import { PARTITIONS, TariffRun } from './tariff-run.ts';
import type { WeirProcess } from './weir-process.ts';

const POLICIES = fileURLToPath(new URL('tariff-policies', import.meta.url));
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WAIT_MS = 60_000;
/** Subscribers of each kind of history. */
export const EACH = 4;

/** What there is, by the beginning of the subscribers' ids. */
const HISTORIES: Record<string, History> = {
  steady: history('basic', null, { used: { before: 1_340, after: 200, late: 120 } }),
  faster: history('basic', 'fast', { used: { before: 1_340, after: 1_200, late: 120 } }),
  metered: history('flex', null, { used: { before: 1_340, after: 200, late: 120 } }),
  'now-metered': history('basic', 'flex', { used: { before: 700, after: 900, late: 120 } }),
  topped: history('basic', null, {
    consents: false,
    topUp: { bytes: 500, priceMinor: 900 },
    used: { before: 1_340, after: 100, late: 120 },
  }),
  fresh: history(null, 'basic', { used: { before: 0, after: 1_140, late: 120 } }),
};

function history(first: TestPlanId | null, second: TestPlanId | null, more: Partial<History>): History {
  return { first, second, consents: true, topUp: null, used: { before: 0, after: 0, late: 0 }, ...more };
}

/** Who there is. Every second change of plan has a date a minute ahead, the others are now. */
export const SUBSCRIBERS = Object.entries(HISTORIES).flatMap(([kind, of]) =>
  Array.from({ length: EACH }, (_, i) => ({ id: `${kind}-${String(i)}`, of, isDated: i % 2 === 1 })),
);
/** Whose close somebody holds up. */
const HELD_UP = 'metered-2';

/** Requests whose end nobody sees, carried out and not: a dispatcher is killed with all of them in flight. */
const HANGING: FaultGiven[] = [
  { kind: 'hang', when: 'after', method: 'POST', times: 3 },
  { kind: 'hang', when: 'before', method: 'POST', times: 3 },
];
/** Answers that do not say whether it was carried out. */
const UNKNOWN: FaultGiven[] = [
  { kind: 'cut', when: 'after', method: 'POST', times: 2 },
  { kind: 'status', status: 500, when: 'after', method: 'POST', times: 2 },
  { kind: 'garbage', when: 'after', method: 'POST', times: 2 },
  { kind: 'status', status: 503, when: 'before', method: 'POST', times: 2 },
];

/** A change as it was previewed, and as it was made. */
export interface StoryChange {
  subscriberId: string;
  previewed: { items: ItemView[] };
  changed: { items: ItemView[]; tariff?: { assignments: { planId: string; from: string }[] } };
}

/**
 * A billing cycle of the subscribers from its fees in advance to its late usage, over processes by role. Workers, the leader
 * of the jobs and dispatchers are killed where it hurts; the billing system fails before and after it did what it was told,
 * and forgets at once what it was told: whatever is sent again without a question is there twice.
 */
export class TariffStory {
  readonly run: TariffRun;
  /** ms since 1970 UTC: four days around now, at least a day of them over */
  readonly cycle: { fromMs: number; toMs: number };
  readonly changes: StoryChange[] = [];
  #worker: WeirProcess;
  #dispatcher: WeirProcess;
  #leader: WeirProcess;
  /** requests of the billing server before it was last told to fail */
  #requestsBefore = 0;

  private constructor(run: TariffRun, processes: [WeirProcess, WeirProcess, WeirProcess]) {
    const fromMs = (Math.floor(Date.now() / DAY_MS) - 1) * DAY_MS;
    this.run = run;
    this.cycle = { fromMs, toMs: fromMs + 4 * DAY_MS };
    [this.#worker, this.#dispatcher, this.#leader] = processes;
  }

  /** Starts the processes. */
  static async open(): Promise<TariffStory> {
    const run = await TariffRun.open({
      policiesDir: POLICIES,
      env: {
        WEIR_CYCLE_CLOSE_GRACE_HOURS: '1',
        // A killed dispatcher's claims are free again after 12 s and six times this.
        BILLING_API_TIMEOUT: '0.5',
      },
    });
    await run.start('api', 'relay');
    const worker = await run.start('worker');
    const dispatcher = await run.start('dispatcher');
    const leader = await run.start('scheduler');
    const isUp = async (): Promise<boolean> => (await run.ask('GET', '/v1/plans')).status === 200;
    await run.until('the API is up', isUp, WAIT_MS);
    return new TariffStory(run, [worker, dispatcher, leader]);
  }

  /** Plans and accounts one by one, subscribers and assignments by file; fees in advance leave, and a dispatcher dies. */
  async fill(): Promise<void> {
    const { run } = this;
    for (const planId of Object.keys(TEST_PLANS) as TestPlanId[]) {
      const json = { terms: termsOf(planId), effectiveFrom: null };
      await run.granted('POST', `/v1/plans/${planId}/versions`, { json });
    }
    const from = new Date(this.cycle.fromMs).toISOString();
    const cycle = { kind: 'days', days: 4, from: from.slice(0, 10) };
    const json = { currency: 'EUR', billingRef: null, cycle };
    await Promise.all(SUBSCRIBERS.map(({ id }) => run.granted('PUT', `/v1/accounts/acct-${id}`, { json })));
    const lines = SUBSCRIBERS.map(({ id, of }) => `${id},acct-${id},UTC,${String(of.consents)},${id}`);
    const text = ['subscriber_id,account_id,zone,overage_consent,user_names', ...lines, ''].join('\n');
    await this.#bringIn('subscribers', { type: 'text/csv', text });
    const assigned = SUBSCRIBERS.flatMap(({ id, of }) =>
      of.first === null ? [] : [{ subscriberId: id, planId: of.first, from }],
    );
    await this.#bringIn('assignments', {
      type: 'application/x-ndjson',
      text: assigned.map((line) => `${JSON.stringify(line)}\n`).join(''),
    });
    this.#misbehave([...HANGING, ...UNKNOWN]);
    await this.#runJob('open-cycles');
    await this.#killDispatcher();
  }

  /**
   * Caps are crossed. The worker dies with the first blocks in the ledger; while its partitions are nobody's, plans are
   * changed and a top-up is bought; a dispatcher dies with blocks on their way to billing.
   */
  async crossCaps(): Promise<void> {
    const { run } = this;
    this.#misbehave(HANGING);
    await this.#use(({ before }) => before, this.cycle.fromMs + HOUR_MS);
    const sold = async (): Promise<boolean> => {
      const counted = `select count(*)::int as sold from action where kind = 'overage'`;
      return (await run.row<{ sold: number }>(counted)).sold > 0;
    };
    await run.until('a block is sold', sold, WAIT_MS);
    await this.#killWorker();
    const at = new Date(Date.now() + 60_000).toISOString();
    for (const { id, of, isDated } of SUBSCRIBERS) {
      if (of.topUp !== null) {
        const price = { amountMinor: of.topUp.priceMinor, currency: 'EUR' };
        const bytes = String(of.topUp.bytes * CENTI_GB);
        await this.#change(id, 'top-up', 'top-ups', {
          ...{ kind: 'bytes', bytes, validSeconds: 20 * 86_400, price },
        });
      }
      if (of.second === null) continue;
      await this.#change(id, 'assignment', 'assignments', { planId: of.second, at: isDated ? at : 'now' });
    }
    await this.#killDispatcher();
    await this.#use(({ after }) => after, Date.now() + HOUR_MS);
    await run.read(WAIT_MS);
  }

  /**
   * Somebody holds one subscriber's row. The worker dies in the middle of the transaction that closes cycles; the next one
   * closes all but this, and job close-late tries that; the leader dies in the middle of it; the next one does it.
   */
  async close(): Promise<void> {
    const { run } = this;
    const holder = await run.pool.connect();
    try {
      await holder.query('begin');
      await holder.query('select from subscriber where subscriber_id = $1 for update', [HELD_UP]);
      const bare = { minutes: 1, bytes: 0, startMs: this.cycle.toMs + 2 * HOUR_MS };
      await this.#append(SUBSCRIBERS.map(({ id }) => ({ ...bare, subscriberId: id })));
      await run.until('a close is held up', () => run.isBlocked(), WAIT_MS);
      await this.#killWorker();
      await run.until('all other cycles are closed', () => this.#isClosedButOne(), WAIT_MS);
      await this.#runJob('close-late');
      await run.until('the job is held up', () => run.isBlocked(), WAIT_MS);
      await this.#leader.end('SIGKILL');
      this.#leader = await run.start('scheduler');
      await run.until('its run counts as lost', () => this.#hasLostRun(), WAIT_MS);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    await this.#runJob('close-late');
    await run.until(
      'every cycle is closed',
      async () => (await this.#closed()) === SUBSCRIBERS.length,
      WAIT_MS,
    );
  }

  /** Usage of the cycle that is closed; then everything comes to its end. */
  async end(): Promise<void> {
    const { run } = this;
    await this.#use(({ late }) => late, this.cycle.toMs - 5 * HOUR_MS, this.cycle.toMs + 3 * HOUR_MS);
    const late = SUBSCRIBERS.reduce((sum, { of }) => sum + of.used.late, 0) * CENTI_GB;
    const isTold = async (): Promise<boolean> => {
      const { told } = await run.row<{ told: string }>(
        `select coalesce(sum((content ->> 'downBytes')::numeric), 0)::text as told from usage_adjustment`,
      );
      return Number(told) === late;
    };
    await run.until('all late usage is stored', isTold, WAIT_MS);
    const ended = async (): Promise<boolean> => {
      const { open } = await run.row<{ open: number }>(
        `select ((select count(*) from action where state in ('pending', 'sending', 'unknown'))
          + (select count(*) from invoice_delivery where state in ('pending', 'sending', 'unknown')))::int as open`,
      );
      return open === 0;
    };
    await run.until('every action and every item has ended', ended, WAIT_MS);
  }

  /** The server forgets keys at once: a repeat is a second item. */
  #misbehave(faults: FaultGiven[]): void {
    const { billing } = this.run;
    const fault = billing.faults.set({ faults, forgetKeysAfterMs: 0 });
    if (fault !== null) throw new Error(fault);
    this.#requestsBefore = billing.requests.length;
  }

  /** With requests in flight, of which some were carried out and some were not. */
  async #killDispatcher(): Promise<void> {
    const { run } = this;
    const most = HANGING.reduce((sum, { times = 0 }) => sum + times, 0);
    const hang = (): Promise<boolean> => {
      const sent = run.billing.requests.slice(this.#requestsBefore);
      return Promise.resolve(sent.filter((request) => request.startsWith('POST')).length >= most);
    };
    await run.until('items are on their way', hang, WAIT_MS);
    await this.#dispatcher.end('SIGKILL');
    this.#dispatcher = await run.start('dispatcher');
  }

  async #killWorker(): Promise<void> {
    await this.#worker.end('SIGKILL');
    this.#worker = await this.run.start('worker');
  }

  async #bringIn(kind: string, file: { type: string; text: string }): Promise<void> {
    const { run } = this;
    const taken = (await run.granted('POST', `/v1/imports?kind=${kind}`, { file })) as { importId: string };
    const isDone = async (): Promise<boolean> => {
      const { state } = (await run.granted('GET', `/v1/imports/${taken.importId}`)) as { state: string };
      if (state === 'refused' || state === 'stopped') throw new Error(`the import is ${state}`);
      return state === 'done';
    };
    await run.until(`the import of ${kind}`, isDone, WAIT_MS);
  }

  /** Unknown until a leader has told of it, refused while it runs. */
  async #runJob(name: string): Promise<void> {
    const isAsked = async (): Promise<boolean> =>
      (await this.run.ask('POST', `/v1/jobs/${name}/runs`)).status === 202;
    await this.run.until(`${name} is asked for`, isAsked, WAIT_MS);
  }

  /** Previewed, made, and asked for again as by a client that heard nothing. */
  async #change(id: string, kind: string, path: string, json: object): Promise<void> {
    const at = (part: string): string => `/v1/subscribers/${id}/${part}`;
    const { run } = this;
    const previewed = await run.granted('POST', at('preview'), { json: { kind, change: json } });
    const sent = { json, headers: { 'idempotency-key': `${kind}-of-${id}` } };
    const changed = await run.granted('POST', at(path), sent);
    const again = await run.granted('POST', at(path), sent);
    if (JSON.stringify(again) !== JSON.stringify(changed))
      throw new Error(`${at(path)}: a repeat was answered otherwise`);
    this.changes.push({ subscriberId: id, previewed, changed } as StoryChange);
  }

  async #isClosedButOne(): Promise<boolean> {
    const failed = `select count(*)::int as failed from cycle where failed_at is not null`;
    if ((await this.run.row<{ failed: number }>(failed)).failed !== 1) return false;
    return (await this.#closed()) === SUBSCRIBERS.length - 1;
  }

  async #closed(): Promise<number> {
    const closed = `select count(*)::int as closed from cycle where status = 'closed'`;
    return (await this.run.row<{ closed: number }>(closed)).closed;
  }

  /** What the job did not finish is begun again at once: its last run may be another. */
  async #hasLostRun(): Promise<boolean> {
    const lost = `select count(*)::int as lost from job_run where name = 'close-late' and outcome = 'lost'`;
    return (await this.run.row<{ lost: number }>(lost)).lost > 0;
  }

  /** @param stampMs the log's clock at all of it; default: as it goes */
  #use(bytes: (used: History['used']) => number, startMs: number, stampMs?: number): Promise<void> {
    const stamp = stampMs === undefined ? {} : { stampMs };
    const sessions = SUBSCRIBERS.flatMap(({ id, of }): PlannedSession[] => {
      const carried = bytes(of.used) * CENTI_GB;
      return carried === 0 ? [] : [{ subscriberId: id, startMs, minutes: 40, bytes: carried, ...stamp }];
    });
    return this.#append(sessions);
  }

  #append(sessions: readonly PlannedSession[]): Promise<void> {
    return this.run.append(sessionEntries(sessions, PARTITIONS));
  }
}

function termsOf(planId: TestPlanId): object {
  const { feeMinor, when, cap, blockMinor, usage } = TEST_PLANS[planId];
  const unitBytes = String(100 * CENTI_GB);
  const tiers = usage?.gbMinor.map((gbMinor, i) => ({
    toBytes: i === 0 ? String(usage.secondFrom * CENTI_GB) : null,
    ...{ unitBytes, priceMicro: gbMinor * 1_000_000 },
  }));
  const blocks = { blockBytes: unitBytes, blockPriceMinor: blockMinor, maxBlocks: null };
  return {
    name: planId,
    currency: 'EUR',
    recurring: { feeMinor, when },
    usage:
      usage === null ? null : { mode: 'graduated', includedBytes: String(usage.included * CENTI_GB), tiers },
    metering: {
      capBytes: cap === null ? null : String(cap * CENTI_GB),
      counted: 'both',
      ...{ downBps: 100_000_000, upBps: 10_000_000 },
      overage: blockMinor === null ? null : blocks,
    },
  };
}
