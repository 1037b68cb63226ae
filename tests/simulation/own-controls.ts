/** Partition whose slot gives controls of this source; null where it is another's. */
export function parseOwnSource(source: string): number | null {
  const match = /^slot-(\d+)$/.exec(source);
  return match === null ? null : Number(match[1]);
}
