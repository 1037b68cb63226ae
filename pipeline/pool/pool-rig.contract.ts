import { LogBuilder, SETTINGS, fold, profile } from '../../tests/factories.ts';
import { controlKey } from '../../schemas/control.ts';
import type { Control, ControlId } from '../../schemas/control.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import { emptySlot } from '../fold/slot-state.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';

/** A control as a slot leaves it. */
export interface Sent {
  id: ControlId;
  control: Control;
}

/** Some slots, with the road between them; nothing moves on it until `deliver`. */
export class PoolRig {
  readonly partitions: number;
  readonly slots: SlotState[];
  readonly intents: ActionIntent[] = [];
  readonly sent: Sent[] = [];
  onTheRoad: Sent[] = [];
  readonly #logs: LogBuilder[];

  constructor(partitions: number) {
    this.partitions = partitions;
    const settings = { ...SETTINGS, partitionCount: partitions };
    this.slots = Array.from({ length: partitions }, (_, i) => emptySlot(i, settings, 0));
    this.#logs = this.slots.map(() => new LogBuilder());
  }

  /** Into the log of the slots that it concerns; the id is the relay's unless it is given. */
  control(control: Control, id?: ControlId): this {
    const key = controlKey(control);
    this.slots.forEach((_slot, partition) => {
      if (key !== null && partitionOfText(key, this.partitions) !== partition) return;
      this.#take(partition, (log) =>
        id === undefined ? log.control(control) : log.control(control, id.n, id.source),
      );
    });
    return this;
  }

  record(subscriberId: string, fields: Parameters<LogBuilder['record']>[0]): this {
    this.#take(partitionOfText(subscriberId, this.partitions), (log) =>
      log.record({ subscriberId, ...fields }),
    );
    return this;
  }

  /** Event time of all slots, or of one. */
  tick(t: number, only: number | null = null): this {
    this.slots.forEach((_slot, partition) => {
      if (only === null || only === partition) this.#take(partition, (log) => log.tick(t));
    });
    return this;
  }

  /** Everything that slots told each other, and what comes of that; `order` rearranges what is on the road. */
  deliver(order: (sent: Sent[]) => Sent[] = (sent) => sent): this {
    for (let round = 0; this.onTheRoad.length > 0; round += 1) {
      if (round > 100) throw new Error('slots talk for ever');
      const moving = order(this.onTheRoad);
      this.onTheRoad = [];
      for (const { id, control } of moving) this.control(control, id);
    }
    return this;
  }

  line(id: string): Subscriber {
    const line = this.slots[partitionOfText(id, this.partitions)]?.subscribers.get(id);
    if (line === undefined) throw new Error(`${id} is not known`);
    return line;
  }

  /** Slot that owns a pool. */
  owner(poolId: string): SlotState {
    const slot = this.slots[partitionOfText(poolId, this.partitions)];
    if (slot === undefined) throw new Error('no such slot');
    return slot;
  }

  #take(partition: number, add: (log: LogBuilder) => void): void {
    const [log, state] = [this.#logs[partition], this.slots[partition]];
    if (log === undefined || state === undefined) return;
    const from = log.inputs.length;
    add(log);
    const effects = fold(state, log.inputs.slice(from));
    for (const record of effects.outbox) {
      if (record.kind === 'action') this.intents.push(record.intent);
      if (record.kind !== 'control') continue;
      this.sent.push(record);
      this.onTheRoad.push(record);
    }
  }
}

/** Household of 10,000 bytes, months in UTC. */
export function pool(fields: Partial<PoolProfile> = {}): PoolProfile {
  return {
    poolId: 'family',
    allowanceBytes: 10_000,
    zone: 'UTC',
    anchorDay: 1,
    segment: 'residential',
    planId: null,
    overageConsent: false,
    billTo: 'anna',
    ...fields,
  };
}

export function member(subscriberId: string, poolId: string | null = 'family'): Control {
  return { kind: 'subscriber-profile', profile: profile({ subscriberId, poolId }) };
}

/** Slow at the pool's cap, a notice at 80 %. */
export function poolPolicy(rules: Partial<PolicyVersion['file']> = {}): PolicyVersion {
  const at = (value: number): { all: { fact: string; operator: string; value: number }[] } => ({
    all: [{ fact: 'poolUsedPercent', operator: 'greaterThanInclusive', value }],
  });
  return {
    policyId: 'family-fup',
    version: JSON.stringify(rules),
    file: {
      id: 'family-fup',
      description: 'slow at the cap of the pool',
      mode: 'enforce',
      subject: 'pool',
      rules: [
        {
          name: 'slow',
          conditions: at(100),
          event: { type: 'throttle', params: { downBps: 1_000_000, upBps: 500_000, minHoldSeconds: 0 } },
        },
        {
          name: 'warn',
          conditions: at(80),
          event: { type: 'notify', params: { template: 'near', channel: 'sms' } },
        },
      ],
      ...rules,
    },
  };
}
