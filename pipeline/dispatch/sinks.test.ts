import { expect, it } from 'vitest';
import { ACTION_KINDS } from '../../schemas/action.ts';
import { anIntent } from '../../storage/action-factory.contract.ts';
import type { ActionSink } from '../../storage/ports.ts';
import { KindRouter, NoticeSink, type NoticeEvent } from './sinks.ts';

const SIGNAL = new AbortController().signal;

function recorder(name: string): ActionSink & { sent: string[]; closed: number } {
  const sink = {
    name,
    sent: [] as string[],
    closed: 0,
    send: (intent: { id: string }) => {
      sink.sent.push(intent.id);
      return Promise.resolve({ state: 'delivered' as const, detail: name });
    },
    close: () => {
      sink.closed += 1;
      return Promise.resolve();
    },
  };
  return sink;
}

it('routes each kind to its sink and closes each sink once', async () => {
  const radius = recorder('radius');
  const notice = recorder('notice');
  const billing = recorder('billing');
  const router = new KindRouter({
    throttle: radius,
    restore: radius,
    block: radius,
    redirect: radius,
    hold: radius,
    boost: radius,
    notify: notice,
    overage: billing,
    topup: billing,
  });
  for (const kind of ACTION_KINDS) await router.send(anIntent({ id: kind, kind }), SIGNAL);
  expect([radius.sent, notice.sent, billing.sent]).toEqual([
    ['throttle', 'restore', 'block', 'redirect', 'hold', 'boost'],
    ['notify'],
    ['overage', 'topup'],
  ]);
  await router.close();
  expect([radius.closed, notice.closed, billing.closed]).toEqual([1, 1, 1]);
});

it('writes a notice with opaque ids only', async () => {
  const events: NoticeEvent[] = [];
  const sink = new NoticeSink((notice) => events.push(notice));
  const intent = anIntent({
    id: 'n',
    kind: 'notify',
    notice: { template: 'eighty-percent', channel: 'sms' },
  });
  expect(await sink.send(intent)).toMatchObject({ state: 'delivered' });
  expect(events).toEqual([
    {
      actionId: 'n',
      subscriberId: 's-1',
      policyId: 'home-fup',
      rule: 'cap-reached',
      template: 'eighty-percent',
      channel: 'sms',
      cycleStartMs: Date.UTC(2025, 0, 1),
    },
  ]);
  expect(JSON.stringify(events)).not.toContain(intent.userName);
});

it('rejects a notice without content', async () => {
  const sink = new NoticeSink(() => undefined);
  expect(await sink.send(anIntent({ id: 'n', kind: 'notify' }))).toMatchObject({ state: 'rejected' });
});
