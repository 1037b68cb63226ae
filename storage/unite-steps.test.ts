import fc from 'fast-check';
import { expect, it } from 'vitest';
import { uniteSteps } from './unite-steps.ts';

const rows = fc.array(
  fc.record({
    id: fc.constantFrom('a', 'b', '\u{ffee}', '\u{1f600}'),
    second: fc.constantFrom(0, 300, 600, 3_600, 4_294_967_100),
    index: fc.nat({ max: 2 }),
    down: fc.nat(),
    up: fc.nat(),
    part: fc.nat({ max: 3 }),
  }),
  { maxLength: 40 },
);

it('gives each subscriber, step and class once, in order, with all octets, however rows come', () => {
  fc.assert(
    fc.property(rows, (made) => {
      const parts = [...grouped(made).values()].map((own) => ({
        subscriberId: own[0]?.id ?? '',
        seconds: Uint32Array.from(own, ({ second }) => second),
        classIndexes: Uint16Array.from(own, ({ index }) => index),
        down: Float64Array.from(own, ({ down }) => down),
        up: Float64Array.from(own, ({ up }) => up),
      }));
      const page = uniteSteps(parts, ['', 'video', 'voice']);
      const found = page.subscriberIds.flatMap((id, i) =>
        Array.from({ length: (page.starts[i + 1] ?? 0) - (page.starts[i] ?? 0) }, (_, n) => {
          const at = (page.starts[i] ?? 0) + n;
          return [id, page.seconds[at], page.classIndexes[at], page.down[at], page.up[at]];
        }),
      );
      expect(found).toEqual(expected(made));
      expect(page.down).toHaveLength(found.length);
    }),
  );
});

function expected(made: { id: string; second: number; index: number; down: number; up: number }[]) {
  const sums = new Map<string, [string, number, number, number, number]>();
  for (const { id, second, index, down, up } of made) {
    const key = `${id} ${String(second)} ${String(index)}`;
    const sum = sums.get(key) ?? [id, second, index, 0, 0];
    sum[3] += down;
    sum[4] += up;
    sums.set(key, sum);
  }
  return [...sums.values()].sort(
    (a, b) => Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0])) || a[1] - b[1] || a[2] - b[2],
  );
}

function grouped<Row extends { id: string; part: number }>(made: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of made) {
    const key = `${row.id} ${String(row.part)}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}
