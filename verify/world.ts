import type { PolicyVersion } from '../schemas/policy.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import type { DecisionWorld } from './decisions.ts';
import type { LocalCalendar } from './local-calendar.ts';
import { OffPeakWalk } from './off-peak.ts';
import { PlanBook } from './plan-book.ts';

/** In this layout slots began to keep parts of cycles, carry-over and use of top-ups. */
const TARIFF_LAYOUT = 5;
/** In this layout slots began to keep what policies ask about besides cycles and days, and effects besides throttles by speed. */
const POLICY_LAYOUT = 4;

/** What decisions depend on besides subscribers and plans, as controls have set it. */
export class World implements DecisionWorld {
  readonly bases = new Map<string, PolicyVersion>();
  readonly candidates = new Map<string, PolicyVersion>();
  readonly calendar: LocalCalendar;
  readonly defaultZone: string;
  readonly subject = 'subscriber';
  provider: ProviderSettings = NO_PROVIDER_SETTINGS;
  offPeak: OffPeakWalk;
  readonly plans = new PlanBook();
  #layout = TARIFF_LAYOUT;
  #isLayoutKnown = false;
  #isLayoutAsked = false;

  constructor(calendar: LocalCalendar, defaultZone: string) {
    this.calendar = calendar;
    this.defaultZone = defaultZone;
    this.offPeak = new OffPeakWalk(this.provider.offPeak, calendar);
  }

  get tariffs(): boolean {
    return this.#layout >= TARIFF_LAYOUT;
  }

  get throttlesOnly(): boolean {
    return this.#layout < POLICY_LAYOUT;
  }

  /**
   * Whether it is known of which entries the slot kept hours, peaks and off-peak octets. From the beginning of a log nobody
   * knows the layout, and where a control asks for one it may have been an older one before.
   */
  get knowsPolicyFacts(): boolean {
    return this.#isLayoutKnown || !this.#isLayoutAsked;
  }

  /** Takes what the provider sets for all policies. */
  provide(settings: ProviderSettings): void {
    this.provider = settings;
    this.offPeak = new OffPeakWalk(settings.offPeak, this.calendar);
  }

  /** Takes the layout in which a slot's values are. */
  useLayout(layout: number): void {
    this.#isLayoutKnown = true;
    this.#layout = layout;
  }

  /** Takes the layout that a slot has now: at the beginning of its log it was no newer one. */
  assumeLayout(layout: number): void {
    this.#layout = Math.min(TARIFF_LAYOUT, layout);
  }

  /** A control asks for a layout. True where more is known or in force by it. */
  raiseLayout(layout: number): boolean {
    const before = this.#layout;
    this.#isLayoutAsked = true;
    this.#layout = Math.max(before, layout);
    return [POLICY_LAYOUT, TARIFF_LAYOUT].some((known) => before < known && layout >= known);
  }
}
