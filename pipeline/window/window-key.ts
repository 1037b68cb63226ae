/**
 * Key of a window row within its window. Lengths (in UTF-16 units) instead of a separator: names come from the network
 * and may hold any character.
 */
export function windowKey(subscriberId: string, serviceClass: string, nasId: string): string {
  return `${subscriberId.length}:${serviceClass.length}:${subscriberId}${serviceClass}${nasId}`;
}

/** What windowKey was made from; null where the text is none. */
export function parseWindowKey(
  key: string,
): { subscriberId: string; serviceClass: string; nasId: string } | null {
  const match = /^(\d+):(\d+):/.exec(key);
  if (match === null) return null;
  const subscriberAt = match[0].length;
  const classAt = subscriberAt + Number(match[1]);
  const nasAt = classAt + Number(match[2]);
  if (nasAt > key.length) return null;
  return {
    subscriberId: key.slice(subscriberAt, classAt),
    serviceClass: key.slice(classAt, nasAt),
    nasId: key.slice(nasAt),
  };
}
