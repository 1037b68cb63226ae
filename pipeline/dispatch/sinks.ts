import type { ActionIntent, ActionKind } from '../../schemas/action.ts';
import type { ActionSink, SinkResult } from '../../storage/ports.ts';

/** Sends each kind of action to its sink. */
export class KindRouter implements ActionSink {
  readonly name = 'router';
  readonly #sinks: Readonly<Record<ActionKind, ActionSink>>;

  constructor(sinks: Readonly<Record<ActionKind, ActionSink>>) {
    this.#sinks = sinks;
  }

  send(intent: ActionIntent, signal: AbortSignal): Promise<SinkResult> {
    return this.#sinks[intent.kind].send(intent, signal);
  }

  /** Closes every sink once, however many kinds it serves. */
  async close(): Promise<void> {
    await Promise.all([...new Set(Object.values(this.#sinks))].map((sink) => sink.close()));
  }
}

/** A notice to a subscriber as an event. Opaque ids only: names and addresses stay where they belong. */
export interface NoticeEvent {
  actionId: string;
  subscriberId: string;
  policyId: string;
  rule: string;
  template: string;
  channel: string;
  /** ms since 1970 UTC */
  cycleStartMs: number;
}

/** Hands notices to the structured log. At least once: a repeat has the same actionId. */
export class NoticeSink implements ActionSink {
  readonly name = 'notice';
  readonly #emit: (notice: NoticeEvent) => void;

  /** @param emit writes the event, e.g. `(notice) => log.info({ notice }, 'notice')` */
  constructor(emit: (notice: NoticeEvent) => void) {
    this.#emit = emit;
  }

  send(intent: ActionIntent): Promise<SinkResult> {
    if (intent.notice === null) {
      return Promise.resolve({ state: 'rejected', detail: 'the intent holds no notice' });
    }
    const { id: actionId, subscriberId, policyId, rule, cycleStartMs } = intent;
    this.#emit({ actionId, subscriberId, policyId, rule, cycleStartMs, ...intent.notice });
    return Promise.resolve({ state: 'delivered', detail: 'written to the log' });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
