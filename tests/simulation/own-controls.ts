/** Partition whose slot gives controls of this source, NAS events or those of pools; null where it is another's. */
export function parseOwnSource(source: string): number | null {
  const match = /^(?:slot|pool)-(\d+)$/.exec(source);
  return match === null ? null : Number(match[1]);
}
