import type { NasProfile } from '../schemas/profile.ts';
import { nasProfileOf } from './record.ts';
import type { Session } from './sessions.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Before as many samples an estimate says nothing. */
const ENOUGH = 8;
/** A NAS that sends no interims, or of which that is not known. */
const LONGEST_SILENCE_MS = 48 * HOUR;
const SHORTEST_SILENCE_MS = 15 * MINUTE;

interface Average {
  valueMs: number;
  samples: number;
}

/** What was learned of a NAS before. */
export interface KnownNas {
  heardMs: number;
  interim: { estimateMs: number; samples: number };
  lead: { estimateMs: number; samples: number };
}

interface Watched {
  heardMs: number;
  interim: Average;
  lead: Average;
}

/** What one slot learns of NAS from their records: when each was heard, its interim interval, its clock (cases 13, 15). */
export class NasWatch {
  readonly profiles = new Map<string, NasProfile>();
  /** NAS -> time of its newest Accounting-On or -Off (case 14) */
  readonly events = new Map<string, number>();
  readonly #watched = new Map<string, Watched>();

  profileOf(nasId: string): NasProfile {
    return nasProfileOf(this.profiles, nasId);
  }

  /** Takes what was known of a NAS. */
  adopt(nasId: string, { heardMs, interim, lead }: KnownNas): void {
    const average = ({ estimateMs, samples }: KnownNas['lead']): Average => ({
      valueMs: estimateMs,
      samples,
    });
    this.#watched.set(nasId, { heardMs, interim: average(interim), lead: average(lead) });
  }

  heard(nasId: string, atMs: number): void {
    const watched = this.#of(nasId);
    watched.heardMs = Math.max(watched.heardMs, atMs);
  }

  /** Time between two records of an open session. */
  sampleInterim(nasId: string, ms: number): void {
    if (ms >= 30_000 && ms <= 6 * HOUR) learn(this.#of(nasId).interim, ms);
  }

  /** How far a stamp was ahead of its append time. */
  sampleLead(nasId: string, ms: number): void {
    learn(this.#of(nasId).lead, Math.max(-HOUR, Math.min(HOUR, ms)));
  }

  /** Case 15: a clock known to be more than a minute ahead moves event time of nobody. */
  isAhead(nasId: string): boolean {
    const { lead } = this.#of(nasId);
    return lead.samples >= ENOUGH && lead.valueMs > MINUTE;
  }

  /** Case 13: how long a session of the NAS may be silent. */
  silenceMs(nasId: string): number {
    const { interimSeconds } = this.profileOf(nasId);
    const { interim } = this.#of(nasId);
    const learned = interim.samples >= ENOUGH ? interim.valueMs : null;
    const intervalMs = interimSeconds === null ? learned : interimSeconds * 1000;
    if (intervalMs === null || intervalMs === 0) return LONGEST_SILENCE_MS;
    return Math.max(3 * intervalMs, SHORTEST_SILENCE_MS);
  }

  /** Case 13: the timer pauses while the NAS itself is silent, for two days at most. */
  isOverdue(session: Session, watermarkMs: number): boolean {
    return this.overdueMs(session) <= watermarkMs;
  }

  /** When a session is to be closed unless something is heard of it, as it looks now. */
  overdueMs(session: Session): number {
    const endMs = session.lastEventMs + this.silenceMs(session.nasId);
    const { heardMs } = this.#of(session.nasId);
    return heardMs >= endMs ? endMs : endMs + LONGEST_SILENCE_MS;
  }

  /** When it is worth while to look whether a session is overdue. */
  nextLookMs(session: Session, watermarkMs: number): number {
    const endMs = session.lastEventMs + this.silenceMs(session.nasId);
    if (endMs > watermarkMs) return endMs;
    // Its NAS is silent: every 15 min until it is heard again.
    const { heardMs } = this.#of(session.nasId);
    return heardMs >= endMs ? endMs : Math.min(watermarkMs + 15 * MINUTE, endMs + LONGEST_SILENCE_MS);
  }

  #of(nasId: string): Watched {
    const known = this.#watched.get(nasId);
    if (known !== undefined) return known;
    const made = {
      heardMs: 0,
      interim: { valueMs: 0, samples: 0 },
      lead: { valueMs: 0, samples: 0 },
    };
    this.#watched.set(nasId, made);
    return made;
  }
}

function learn(average: Average, sampleMs: number): void {
  average.valueMs =
    average.samples === 0 ? sampleMs : average.valueMs + Math.trunc((sampleMs - average.valueMs) / 16);
  average.samples += 1;
}
