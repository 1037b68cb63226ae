import { setTimeout as pause } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import { kafkaClient } from '../pipeline/source/kafka-connection.ts';
import { CONTROL_HEADER } from '../schemas/control.ts';
import type { Control } from '../schemas/control.ts';
import type { TestBed } from './test-bed.ts';

/** A member of a pool. */
export interface MemberOfPool {
  poolId: string;
  member: string;
}

/** What was last told to a member, and where it stands in the log. */
interface Told {
  usedBytes: number;
  partition: number;
  offset: number;
}

const LOOK_MS = 2;

/** Sees from outside what pools tell their members, and when the members' slots have committed it. */
export class HopWatch {
  readonly #bed: TestBed;
  readonly #told = new Map<string, Told>();
  /** by partition: positions and when they were first seen, ascending */
  readonly #history: { atMs: number; position: number }[][] = [];
  #consumer: Consumer | null = null;
  #isClosed = false;
  #looking: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  constructor(bed: TestBed) {
    this.#bed = bed;
  }

  /** Reads the log from its beginning, and looks at positions every 2 ms. */
  async open(): Promise<void> {
    const { servers, name } = this.#bed;
    const kafka = kafkaClient({ brokers: [servers.brokers], clientId: 'weir-hops', log: () => undefined });
    const consumer = kafka.consumer({ groupId: `${name}-hops`, maxWaitTimeInMs: 5 });
    this.#consumer = consumer;
    consumer.on('consumer.crash', ({ payload }) => (this.#failure = payload.error));
    await consumer.connect();
    await consumer.subscribe({ topic: name, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        for (const { headers, value, offset } of batch.messages)
          if (headers?.[CONTROL_HEADER] !== undefined && value !== null)
            this.#take(JSON.parse(value.toString('utf8')) as Control, batch.partition, Number(offset));
        return Promise.resolve();
      },
    });
    this.#looking = this.#look().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** True once the member was told anything. */
  hasHeard(one: MemberOfPool): boolean {
    return this.#told.has(keyOf(one));
  }

  /** When the member's slot had committed that its pool has used so much (performance.now). @throws Error when it does not come */
  async folded(one: MemberOfPool, usedBytes: number, timeoutMs: number): Promise<number> {
    const giveUpMs = performance.now() + timeoutMs;
    for (;;) {
      if (this.#failure !== null) throw new Error('the watch failed', { cause: this.#failure });
      const told = this.#told.get(keyOf(one));
      if (told !== undefined && told.usedBytes >= usedBytes) {
        const seen = this.#history[told.partition]?.find(({ position }) => position > told.offset);
        if (seen !== undefined) return seen.atMs;
      }
      if (performance.now() > giveUpMs)
        throw new Error(
          `${one.member} was not told of ${usedBytes} in time, but of ${told?.usedBytes ?? 'nothing'}; ` +
            `log ${(await this.#bed.topic.ends()).join(' ')}, committed ${(await this.#bed.slots.positions()).join(' ')}`,
        );
      await pause(LOOK_MS);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#looking;
    await this.#consumer?.disconnect();
  }

  /** Of what says the same again the first counts. */
  #take(control: Control, partition: number, offset: number): void {
    if (control.kind !== 'pool-effect') return;
    const { usedBytes } = control.effect;
    const key = keyOf(control.effect);
    if ((this.#told.get(key)?.usedBytes ?? -1) < usedBytes)
      this.#told.set(key, { usedBytes, partition, offset });
  }

  async #look(): Promise<void> {
    while (!this.#isClosed) {
      const positions = await this.#bed.slots.positions();
      const atMs = performance.now();
      for (const [partition, position] of positions.entries()) {
        const history = (this.#history[partition] ??= []);
        if (history.at(-1)?.position !== position) history.push({ atMs, position });
        // Who asks has known of the effect for no longer than this.
        if (history.length > 20_000) history.splice(0, 10_000);
      }
      await pause(LOOK_MS);
    }
  }
}

function keyOf({ poolId, member }: MemberOfPool): string {
  return `${poolId} ${member}`;
}
