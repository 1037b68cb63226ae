import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import { recordEncoder } from '../../pipeline/decode/encode.ts';
import { expandControl } from '../../pipeline/relay/expand.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../../pipeline/source/accounting-schema.ts';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Control, ControlId } from '../../schemas/control.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { Boost, PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { DAY, HOUR, MINUTE, nasProfile, plan, profile, usageEvent } from '../factories.ts';
import { recordOf } from '../worker-rig.ts';
import { pool, poolPolicy } from '../../pipeline/pool/pool-rig.contract.ts';
import { nextTariff, somePoolTariff, someTariffPlan } from '../random-tariffs.ts';
import type { Dice } from './dice.ts';
import { policyOf } from './policies.ts';

/** One thing that networks or people do, at a time of the log's clock. */
export interface WorkItem {
  atMs: number;
  appends: LogAppend[];
  /** relayed controls come again when the relay crashes */
  isRelayed: boolean;
}

/** Days before the clock changes of Europe and Cuba and before three anchors. */
export const START_MS = Date.UTC(2026, 9, 23, 7, 3, 11, 17);
const encodeRecord = recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'bare');
const LINES = [
  { zone: 'UTC', anchorDay: 1 },
  { zone: 'Europe/Berlin', anchorDay: 25 },
  { zone: 'America/Havana', anchorDay: 31 },
  // Without a profile, unless one comes later.
  null,
];

/** A plan of which a part of the cap goes into the next cycle. */
function carrying(planId: string, capBytes: number): PlanVersion {
  return plan({ planId, capBytes, carryOver: { limitBytes: 2000 } });
}

/** What the network believes of one session. */
interface Session {
  subscriberId: string;
  nasId: string;
  sessionId: string;
  isVideo: boolean;
  startMs: number;
  down: number;
  up: number;
}

/** Makes a short, eventful life of a small provider: the same dice give the same one. */
export class Workload {
  readonly partitions: number;
  readonly #dice: Dice;
  readonly #subscribers: string[] = [];
  readonly #profiles = new Map<string, SubscriberProfile>();
  readonly #sessions = new Map<string, Session>();
  readonly #intervals: readonly (number | null)[];
  readonly #records: { event: UsageEvent; append: LogAppend }[] = [];
  #left: number;
  #clockMs = START_MS;
  #relayed = 0;
  #letters = 0;

  /** @param learns NAS without a configured interim interval: Weir learns it from their records */
  constructor(dice: Dice, partitions: number, items: number, learns: boolean) {
    this.#dice = dice;
    this.#intervals = learns ? [null, 300, 0] : [600, 300, 0];
    this.partitions = partitions;
    this.#left = items;
    const wanted = dice.between(2, 4);
    const perPartition = Array.from({ length: partitions }, () => 0);
    for (let i = 0; this.#subscribers.length < wanted * partitions; i += 1) {
      const partition = partitionOfText(`sub-${i}`, partitions);
      const count = perPartition[partition] ?? 0;
      if (count === wanted) continue;
      perPartition[partition] = count + 1;
      this.#subscribers.push(`sub-${i}`);
    }
  }

  get isOver(): boolean {
    return this.#left === 0;
  }

  /** What is there before the first record. */
  beginning(): WorkItem[] {
    const dice = this.#dice;
    const [interimSeconds = null] = this.#intervals;
    const items = [
      this.#control({ kind: 'plan-version', plan: carrying('home-100', 9000) }),
      this.#control({ kind: 'plan-version', plan: carrying('home-200', 4000) }),
      this.#control({ kind: 'policy-version', policy: policyOf(dice, 0) }),
      this.#control({ kind: 'policy-version', policy: poolPolicy() }),
      this.#control({ kind: 'pool-profile', pool: pool({ billTo: 'sub-0' }) }),
      this.#control({
        kind: 'nas-profile',
        nas: nasProfile({ nasId: 'nas-1', reversed: true, unit: 'kilobytes', interimSeconds }),
      }),
      this.#control({ kind: 'nas-profile', nas: nasProfile({ nasId: '*', interimSeconds }) }),
    ];
    this.#subscribers.forEach((subscriberId, i) => {
      const line = LINES[i % LINES.length] ?? null;
      const poolId = dice.pick(['family', 'family', null]);
      if (line !== null) items.push(this.#profile(profile({ subscriberId, ...line, poolId })));
    });
    return items;
  }

  /** What happens next. */
  next(): WorkItem {
    const dice = this.#dice;
    this.#left -= 1;
    this.#clockMs += dice.weighted([
      [3, 0],
      [8, dice.between(1, 10 * MINUTE)],
      [3, dice.pick([MINUTE, 5 * MINUTE, 10 * MINUTE, HOUR])],
      [0.7, dice.between(HOUR, 3 * DAY)],
    ]);
    const make = dice.weighted<() => WorkItem>([
      [70, () => this.#record()],
      [8, () => this.#again()],
      [5, () => this.#tick()],
      [3, () => this.#nasEvent()],
      [3, () => this.#changeProfile()],
      [4, () => this.#changeTariff()],
      [4, () => this.#command()],
      [2, () => this.#replay()],
      [3, () => this.#catalogue()],
      [1.5, () => this.#garbage()],
    ]);
    return make();
  }

  #record(): WorkItem {
    const dice = this.#dice;
    const subscriberId = dice.pick(this.#subscribers);
    const nasId = `nas-${dice.below(3)}`;
    const sessionId = `s${dice.below(2)}`;
    const isVideo = dice.chance(0.2);
    const status = dice.weighted([
      [6, 'INTERIM_UPDATE' as const],
      [1.5, 'START' as const],
      [2, 'STOP' as const],
    ]);
    const ageMs = dice.weighted([
      [8, 0],
      [3, dice.between(-6 * MINUTE, 10 * MINUTE)],
      [2, dice.between(0, 3 * HOUR)],
      [0.7, dice.between(0, 8 * DAY)],
    ]);
    const atMs = this.#clockMs - ageMs;
    const key = `${subscriberId} ${nasId} ${sessionId} ${isVideo}`;
    let session = this.#sessions.get(key);
    if (session === undefined || status === 'START' || dice.chance(0.1)) {
      const startMs = atMs - (status === 'START' ? 0 : dice.below(3000) * 1000);
      session = { subscriberId, nasId, sessionId, isVideo, startMs, down: 0, up: 0 };
      this.#sessions.set(key, session);
    }
    if (status !== 'START') {
      session.down += dice.below(3000);
      session.up += dice.below(3000);
    }
    const seconds = Math.max(0, Math.round((atMs - session.startMs) / 1000));
    const [outputOctets, inputOctets] = dice.weighted<readonly [number | null, number | null]>([
      [12, [session.down, session.up]],
      [1, [null, null]],
      [1, [0, null]],
      [1, [dice.below(3000), dice.below(3000)]],
    ]);
    const stamp = dice.pick(['event', 'event', 'event', 'received', 'none']);
    return this.#send(
      usageEvent({
        statusType: status,
        subscriberId,
        nasId,
        sessionId,
        serviceName: isVideo ? 'video' : null,
        serviceClass: isVideo ? 'tv' : null,
        eventTimeMs: stamp === 'event' ? atMs : null,
        receivedAtMs: stamp === 'received' ? atMs + 2000 : null,
        acctDelaySeconds: stamp === 'received' ? 2 : 0,
        sessionTimeSeconds: dice.weighted<number | null>([
          [8, seconds],
          [1, null],
          [1, 0],
          [1, dice.below(600)],
        ]),
        outputOctets,
        inputOctets,
      }),
    );
  }

  #send(event: UsageEvent): WorkItem {
    const key = event.subscriberId === '' ? event.nasId : event.subscriberId;
    const append = {
      partition: partitionOfText(key, this.partitions),
      key: Buffer.from(key, 'utf8'),
      value: encodeRecord(recordOf(event)),
      timeMs: this.#clockMs,
    };
    this.#records.push({ event, append });
    return this.#item([append]);
  }

  /** A retransmission. */
  #again(): WorkItem {
    const { length } = this.#records;
    const old = this.#records[length - 1 - this.#dice.below(Math.min(length, 8))];
    return old === undefined ? this.#tick() : this.#item([{ ...old.append, timeMs: this.#clockMs }]);
  }

  #tick(): WorkItem {
    const t = this.#clockMs - MINUTE;
    const value = encodeControl({ kind: 'tick', t });
    const partitions = [...Array(this.partitions).keys()].filter(() => this.#dice.chance(0.7));
    const control = { source: 'tick', n: t };
    return this.#item(
      partitions.map((partition) => ({ partition, key: null, value, control, timeMs: this.#clockMs })),
    );
  }

  #nasEvent(): WorkItem {
    const statusType = this.#dice.pick(['ACCOUNTING_ON', 'ACCOUNTING_OFF'] as const);
    const nasId = `nas-${this.#dice.below(3)}`;
    const eventTimeMs = this.#clockMs - this.#dice.pick([0, 0, 5 * MINUTE]);
    return this.#send(usageEvent({ statusType, subscriberId: '', nasId, sessionId: '', eventTimeMs }));
  }

  #changeProfile(): WorkItem {
    const dice = this.#dice;
    const subscriberId = dice.pick(this.#subscribers);
    const known = this.#profiles.get(subscriberId) ?? profile({ subscriberId });
    const topUp = { id: `t${this.#relayed}`, bytes: 5000, fromMs: 0, expiresMs: this.#clockMs + 2 * DAY };
    return this.#profile({
      ...known,
      ...dice.pick<Partial<SubscriberProfile>>([
        { carryOverBytes: dice.below(4000) },
        { poolId: dice.pick(['family', 'firm', null]) },
        { topUps: [...known.topUps, topUp] },
        { anchorDay: dice.pick([1, 24, 31]) },
        { zone: dice.pick(['UTC', 'Europe/Berlin', 'Asia/Kathmandu']) },
        { holds: [{ kind: 'customer', fromMs: this.#clockMs - HOUR, toMs: this.#clockMs + 3 * HOUR }] },
        { holds: [{ kind: 'legal', fromMs: this.#clockMs + HOUR, toMs: null }] },
        { boosts: [this.#boost(`b${this.#relayed}`), this.#boost('b')] },
        { holds: [], boosts: [] },
      ]),
    });
  }

  /** Plans, top-ups, add-ons, memberships and cycles, now, later or back-dated. */
  #changeTariff(): WorkItem {
    const dice = this.#dice;
    const subscriberId = dice.pick(this.#subscribers);
    const known = this.#profiles.get(subscriberId) ?? profile({ subscriberId });
    const next = nextTariff(known, dice.below(3000), dice.below(3000), this.#clockMs);
    return this.#profile(next);
  }

  #boost(id: string): Boost {
    const fromMs = this.#clockMs + this.#dice.between(-HOUR, 2 * HOUR);
    const upBps = this.#dice.between(1, 40_000_000);
    return { id, downBps: 200_000_000, upBps, fromMs, expiresMs: fromMs + this.#dice.between(0, DAY) };
  }

  #profile(next: SubscriberProfile): WorkItem {
    this.#profiles.set(next.subscriberId, next);
    return this.#control({ kind: 'subscriber-profile', profile: next });
  }

  #command(): WorkItem {
    const dice = this.#dice;
    const by = 'operator';
    const session = dice.pick([...this.#sessions.values(), null]);
    const subscriberId = session?.subscriberId ?? dice.pick(this.#subscribers);
    const choice = dice.below(4);
    if (choice === 0 && session !== null) {
      const { nasId, sessionId } = session;
      return this.#control({
        kind: 'operator',
        command: { type: 'close-session', subscriberId, nasId, sessionId, by },
      });
    }
    if (choice === 1)
      return this.#control({ kind: 'operator', command: { type: 're-evaluate', subscriberId, by } });
    return this.#control({
      kind: 'operator',
      command: {
        type: 'adjust',
        subscriberId,
        atMs: this.#clockMs - dice.pick([0, HOUR, 5 * DAY]),
        downBytes: dice.between(-500, 5000),
        upBytes: dice.between(-500, 500),
        reason: 'goodwill',
        by,
      },
    });
  }

  /** A letter that somebody put right; the meter does not ask whether it was one. */
  #replay(): WorkItem {
    const old = this.#dice.pick([...this.#records, null]);
    if (old === null || old.event.subscriberId === '') return this.#tick();
    this.#letters += 1;
    const letter = { partition: old.append.partition, offset: 1_000_000 + this.#letters };
    const appendTimeMs = old.append.timeMs ?? this.#clockMs;
    return this.#control({ kind: 'replay', letter, appendTimeMs, event: old.event, by: 'operator' });
  }

  #catalogue(): WorkItem {
    const dice = this.#dice;
    const n = this.#relayed;
    const interimSeconds = dice.pick(this.#intervals);
    return this.#control(
      dice.pick<Control>([
        { kind: 'policy-version', policy: policyOf(dice, n) },
        { kind: 'policy-withdrawn', policyId: dice.pick(['home-fup', 'family-fup']) },
        { kind: 'policy-version', policy: poolPolicy() },
        { kind: 'pool-profile', pool: this.#pool() },
        { kind: 'pool-profile', pool: { ...this.#pool(), ...this.#poolTariff() } },
        { kind: 'plan-version', plan: plan({ version: n + 2, capBytes: dice.between(3000, 30_000) }) },
        {
          kind: 'plan-version',
          plan: someTariffPlan(dice.below(3000), dice.below(3000), this.#clockMs),
        },
        { kind: 'nas-profile', nas: nasProfile({ nasId: 'nas-2', interimSeconds }) },
        { kind: 'feed-profile', feed: { feedId: 'feed-1', countFromMs: this.#clockMs - DAY } },
      ]),
    );
  }

  #poolTariff(): Partial<PoolProfile> {
    return somePoolTariff(this.#dice.below(3000), this.#dice.below(3000), this.#clockMs);
  }

  #pool(): PoolProfile {
    const dice = this.#dice;
    const poolId = dice.pick(['family', 'firm']);
    const allowanceBytes = dice.pick([null, dice.between(0, 30_000)]);
    return pool({ poolId, allowanceBytes, billTo: 'sub-0', anchorDay: dice.pick([1, 25]) });
  }

  /** Bytes that are no record, or one that lies in another's partition. */
  #garbage(): WorkItem {
    const dice = this.#dice;
    const partition = dice.below(this.partitions);
    const value = dice.chance(0.5)
      ? Buffer.from('not a record')
      : encodeRecord(recordOf(usageEvent({ subscriberId: dice.pick(this.#subscribers) })));
    return this.#item([{ partition, key: null, value, timeMs: this.#clockMs }]);
  }

  #control(control: Control): WorkItem {
    const id: ControlId = { source: 'relay', n: (this.#relayed += 1) };

    const appends = expandControl({ id, control }, this.partitions, this.#clockMs);
    return { ...this.#item(appends), isRelayed: true };
  }

  #item(appends: LogAppend[]): WorkItem {
    return { atMs: this.#clockMs, appends, isRelayed: false };
  }
}
