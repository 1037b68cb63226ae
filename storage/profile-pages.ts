import type { PlanVersion } from '../schemas/profile.ts';

/** Some subscribers, in byte order of their ids. */
export interface ProfilePage {
  /** JSON array of SubscriberProfile: whoever hands it on to another thread has no use for the objects */
  json: string;
  count: number;
  lastId: string;
  /** each zone and anchor day that occurs, once */
  rules: { zone: string; anchorDay: number }[];
}

/** Reads all profiles in bulk. Throws 'unreachable', 'timeout' (retriable). */
export interface ProfilePages {
  count(): Promise<number>;
  /** The newest version of every plan. */
  plans(): Promise<PlanVersion[]>;
  /** Every subscriber once, in byte order, as they were when it began; pages are never empty. One reading at a time. */
  pages(size: number): AsyncIterable<ProfilePage>;
}
