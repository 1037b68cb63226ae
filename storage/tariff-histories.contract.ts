import fc from 'fast-check';
import { by, bytes, DAY, given } from './tariff-given.contract.ts';
import type { TariffStore, When } from './tariff-ports.ts';

/** One change of a random history. */
export interface Step {
  afterMs: number;
  apply(store: TariffStore, id: string, atMs: number): Promise<unknown>;
}

const when: fc.Arbitrary<(atMs: number) => When> = fc.oneof(
  fc.constant((): When => ({ at: 'now' })),
  fc.constant((): When => ({ at: 'cycle-end' })),
  fc
    .integer({ min: 0, max: 60 })
    .map((days) => (atMs: number): When => ({ at: 'time', ms: atMs + days * DAY })),
);
const toMs = fc.option(fc.integer({ min: 1, max: 200 }), { nil: null });

/** Any change, refused or not. */
export const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.integer({ min: 0, max: 40 * DAY }),
    fc.oneof(
      fc.tuple(fc.constantFrom('a', 'b'), when, fc.boolean()).map(
        ([planId, at, replaces]): Step['apply'] =>
          (store, id, atMs) =>
            store.assign(id, planId, at(atMs), replaces, by(atMs)),
      ),
      fc
        .tuple(fc.constantFrom('customer', 'fraud', 'legal'), toMs)
        .map(([kind, days]): Step['apply'] => (store, id, atMs) => {
          const span = { fromMs: atMs, toMs: days === null ? null : atMs + days * DAY };
          return store.hold(id, kind, span, by(atMs));
        }),
      fc
        .tuple(fc.constantFrom('bytes', 'boost', 'unlimited'), fc.integer({ min: 1, max: 90 }), fc.uuid())
        .map(([kind, days, topUpId]): Step['apply'] => (store, id, atMs) => {
          const speed = kind === 'boost' ? { downBps: 5, upBps: 6 } : null;
          const span = { fromMs: atMs, expiresMs: atMs + days * DAY };
          const topUp = bytes(topUpId, { kind, bytes: kind === 'bytes' ? 7 : null, speed, ...span });
          return store.buyTopUp({ subscriberId: id }, topUp, { amountMinor: 1, currency: 'EUR' }, by(atMs));
        }),
      fc.tuple(fc.constantFrom('p', 'q'), toMs).map(([poolId, days]): Step['apply'] => (store, id, atMs) => {
        const span = { fromMs: atMs, toMs: days === null ? null : atMs + days * DAY };
        return store.joinPool(poolId, id, span, by(atMs));
      }),
      fc.tuple(fc.constantFrom('p', 'q'), when).map(
        ([poolId, at]): Step['apply'] =>
          (store, id, atMs) =>
            store.leavePool(poolId, id, at(atMs), by(atMs)),
      ),
      when.map(
        (at): Step['apply'] =>
          (store, id, atMs) =>
            store.addAddOn(id, 'gb', at(atMs), by(atMs)),
      ),
      when.map(
        (at): Step['apply'] =>
          (store, id, atMs) =>
            store.terminate(id, at(atMs), by(atMs)),
      ),
      fc
        .constantFrom(
          { kind: 'week', weekday: 3 } as const,
          { kind: 'days', days: 28, from: '2026-01-05' } as const,
        )
        .map(
          (cycle): Step['apply'] =>
            (store, id, atMs) =>
              store.changeCycle(`acct-${id}`, cycle, by(atMs)),
        ),
      fc.integer({ min: -5, max: 5 }).map((days): Step['apply'] => (store, id, atMs) => {
        const changeMs = atMs + days * DAY;
        const credentials = [
          { userName: `${id}@old`, fromMs: 0, toMs: changeMs },
          { userName: `${id}@new`, fromMs: changeMs, toMs: null },
        ];
        return store.putSubscriber(given(id, { credentials, tags: [] }), by(atMs));
      }),
    ),
  )
  .map(([afterMs, apply]) => ({ afterMs, apply }));
