/** Of subscribers on whom a policy holds in shadow, how many it would act on in a share: the share is a stable hash, so about that part. */
export function actsAtOnce(holding: number, percent: number): number {
  return Math.round((holding * percent) / 100);
}

/** For people: `812 of 5000 subscribers (16.2 %)`. */
export function shareText(part: number, all: number): string {
  const percent = all === 0 ? 100 : (part / all) * 100;
  return `${part} of ${all} subscribers (${percent.toFixed(1)} %)`;
}
