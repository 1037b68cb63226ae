import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import { AppError } from '../../schemas/errors.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import type { ControlOutbox, PendingControl, RelayLeadership } from '../../storage/people-ports.ts';
import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import { decodeControl } from '../decode/control-codec.ts';
import { Relay } from './relay.ts';
import type { RelayObserver } from './relay.ts';

/** Longer than anything takes on a busy machine: a wait of a second, the default, is a measurement. */
const until = (condition: () => boolean): Promise<unknown> =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 5 });

const PARTITIONS = 4;
const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

/** An outbox in memory; `lead` and `advance` can be made to fail once. */
class FakeOutbox implements ControlOutbox {
  readonly controls: Control[] = [];
  /** where each round that was asked for begins */
  readonly reads: number[] = [];
  relayed = 0;
  leads = 0;
  releases = 0;
  failAdvance: AppError | null = null;
  standby = false;

  async lead(): Promise<RelayLeadership | null> {
    if (this.standby) return null;
    this.leads++;
    let at = this.relayed;
    return {
      next: async (limit, after) => {
        const from = after?.id.n ?? at;
        this.reads.push(from);
        return this.controls.slice(from, from + limit).map((control, i) => pending(control, from + i + 1));
      },
      advance: async (last) => {
        const error = this.failAdvance;
        this.failAdvance = null;
        if (error !== null) throw error;
        at = this.relayed = last.id.n;
      },
      release: async () => void this.releases++,
    };
  }
}

class FakeLog implements LogWriter {
  readonly entries: LogAppend[] = [];
  failures = 0;
  partitionCount = async (): Promise<number> => PARTITIONS;
  close = async (): Promise<void> => undefined;

  async append(entries: readonly LogAppend[]): Promise<void> {
    if (this.failures-- > 0) throw new AppError('log-append-failed', 'no', { retriable: true });
    this.entries.push(...entries);
  }
}

function pending(control: Control, n: number): PendingControl {
  return { id: { source: 'relay', n }, control, cursor: { xid: '1', rowId: String(n) } };
}

function profile(subscriberId: string): Control {
  const content: SubscriberProfile = {
    subscriberId,
    userName: subscriberId,
    segment: 'residential',
    tags: [],
    zone: 'Europe/Vienna',
    anchorDay: 1,
    assignments: [],
    topUps: [],
    carryOverBytes: 0,
    holds: [],
    poolId: null,
    billingStatus: 'current',
    overageConsent: false,
  };
  return { kind: 'subscriber-profile', profile: content };
}

const nas: Control = { kind: 'nas-profile', nas: defaultNasProfile('nas-1') };

let relay: Relay | null = null;

function start(
  outbox: FakeOutbox,
  log: FakeLog,
  more: { observer?: RelayObserver; timeMs?: () => number } = {},
): Relay {
  relay = new Relay({ outbox, log, logger, ...more });
  relay.start();
  return relay;
}

afterEach(async () => {
  await relay?.stop();
});

const idsOf = (log: FakeLog): (number | undefined)[] => log.entries.map((entry) => entry.control?.n);

describe('Relay', () => {
  it("sends a subscriber's profile to its partition under its key, a NAS profile to every partition without one", async () => {
    const outbox = new FakeOutbox();
    const log = new FakeLog();
    outbox.controls.push(profile('s-1'), nas);
    start(outbox, log, { timeMs: () => 1_700_000_000_000 });
    await until(() => outbox.relayed === 2);
    const [first, ...copies] = log.entries;
    expect(first).toMatchObject({ partition: partitionOfText('s-1', PARTITIONS), timeMs: 1_700_000_000_000 });
    expect(Buffer.from(first?.key ?? []).toString()).toBe('s-1');
    expect(decodeControl(first?.value ?? null)).toEqual({ ok: true, control: profile('s-1') });
    expect(copies.map((entry) => [entry.partition, entry.key, entry.control?.n])).toEqual([
      [0, null, 2],
      [1, null, 2],
      [2, null, 2],
      [3, null, 2],
    ]);
  });

  it('reads the next round while a full one is appended, and sends each control once', async () => {
    const outbox = new FakeOutbox();
    const log = new FakeLog();
    for (let n = 0; n < 4_500; n++) outbox.controls.push(profile(`s-${n}`));
    const append = log.append.bind(log);
    const readAtAppend: number[] = [];
    log.append = (entries) => {
      readAtAppend.push(outbox.reads.at(-1) ?? -1);
      return append(entries);
    };
    start(outbox, log);
    await until(() => outbox.relayed === 4_500);
    expect(readAtAppend).toEqual([2_000, 4_000, 4_000]);
    expect(idsOf(log)).toEqual(Array.from({ length: 4_500 }, (_, i) => i + 1));
  });

  it('forgets what it read ahead when the round before it fails', async () => {
    const outbox = new FakeOutbox();
    const log = new FakeLog();
    for (let n = 0; n < 2_500; n++) outbox.controls.push(profile(`s-${n}`));
    log.failures = 1;
    start(outbox, log);
    await until(() => outbox.relayed === 2_500);
    expect(idsOf(log)).toEqual(Array.from({ length: 2_500 }, (_, i) => i + 1));
    expect(outbox.leads).toBe(2);
  });

  it('sends the same ids again when the cursor was not moved after an append', async () => {
    const outbox = new FakeOutbox();
    const log = new FakeLog();
    outbox.controls.push(profile('s-1'), profile('s-2'));
    outbox.failAdvance = new AppError('conflict', 'lost');
    start(outbox, log);
    await until(() => outbox.relayed === 2);
    expect(idsOf(log)).toEqual([1, 2, 1, 2]);
    expect(outbox.leads).toBe(2);
    expect(outbox.releases).toBe(1);
  });

  it('keeps everything while the log refuses, and goes on in order', async () => {
    const outbox = new FakeOutbox();
    const log = new FakeLog();
    log.failures = 2;
    outbox.controls.push(profile('s-1'), profile('s-2'));
    start(outbox, log);
    await until(() => outbox.relayed === 2);
    expect(idsOf(log)).toEqual([1, 2]);
  });

  it('relays what comes later when woken', async () => {
    const outbox = new FakeOutbox();
    const log = new FakeLog();
    const running = start(outbox, log);
    outbox.controls.push(profile('s-1'));
    running.wake();
    await until(() => outbox.relayed === 1);
    expect(idsOf(log)).toEqual([1]);
  });

  it('leaves out a control that readers would refuse, and says so', async () => {
    const outbox = new FakeOutbox();
    const log = new FakeLog();
    const observer = { leading: vi.fn(), relayed: vi.fn(), refused: vi.fn(), failed: vi.fn() };
    outbox.controls.push({ kind: 'tick', t: Number.NaN }, profile('s-1'));
    start(outbox, log, { observer });
    await until(() => outbox.relayed === 2);
    expect(idsOf(log)).toEqual([2]);
    expect(observer.refused).toHaveBeenCalledTimes(1);
    expect(logger.error).toHaveBeenCalled();
  });

  it('gives leadership up at stop, and a stand-by stops too', async () => {
    const outbox = new FakeOutbox();
    const leading = start(outbox, new FakeLog());
    await until(() => outbox.leads === 1);
    await leading.stop();
    expect(outbox.releases).toBe(1);
    outbox.standby = true;
    await start(outbox, new FakeLog()).stop();
    expect(outbox.leads).toBe(1);
  });
});
