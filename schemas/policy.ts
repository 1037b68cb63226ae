import type { OverageTerms } from './profile.ts';

/** A json-rules-engine condition tree, verbatim. */
export type Condition =
  | { all: Condition[]; name?: string; priority?: number }
  | { any: Condition[]; name?: string; priority?: number }
  | { not: Condition; name?: string; priority?: number }
  | { condition: string; name?: string; priority?: number }
  | {
      fact: string;
      operator: string;
      /** a literal, or `{fact, path?}`: the value of another fact */
      value: unknown;
      /** into a fact that is an object, `$.<class>.<name>` or `$['<class>'].<name>` */
      path?: string;
      params?: Record<string, unknown>;
      priority?: number;
      name?: string;
    };

/** How long an effect is held: while the conditions hold, latched to the cycle's end, or for N seconds. */
export type Until = 'while' | 'cycle-end' | { seconds: number };

/** How long an effect lasts; minHoldSeconds (default 900) goes with `until: "while"`. */
export interface Holding {
  until?: Until;
  minHoldSeconds?: number;
}

/** What a rule asks for when it starts to hold. */
export type PolicyEvent =
  | { type: 'throttle'; params: ({ downBps: number; upBps: number } | { profile: string }) & Holding }
  | { type: 'block'; params: Holding }
  | { type: 'redirect'; params: { profile: string } & Holding }
  /** paid blocks beyond the allowance, by the plan's terms; what is named here overrides them */
  | { type: 'overage'; params: Partial<OverageTerms> }
  /** buys a top-up, for who agreed to paid extras */
  | { type: 'topup'; params: { productId: string; maxPerCycle: number } }
  | { type: 'notify'; params: { template: string; channel: string } };

export type PolicyEventType = PolicyEvent['type'];

export interface PolicyRule {
  name: string;
  /** integer; higher runs first; default 1 */
  priority?: number;
  conditions: Condition;
  event: PolicyEvent;
}

/** A policy file as a product owner edits it. */
export interface PolicyFile {
  $schema?: string;
  id: string;
  description: string;
  mode: 'off' | 'shadow' | 'percent' | 'enforce';
  percent?: number;
  /** plan ids and segments; a trailing * matches any rest; absent = all */
  appliesTo?: { plans?: string[]; segments?: string[] };
  subject?: 'subscriber' | 'pool';
  /** conditions that rules refer to by name: `{"condition": "<name>"}` */
  conditions?: Record<string, Condition>;
  rules: PolicyRule[];
}

/** A published policy; the version is the SHA-256 (hex) of the file's canonical content. */
export interface PolicyVersion {
  policyId: string;
  version: string;
  file: PolicyFile;
}

/**
 * What is in force of one policy id. A version in mode shadow or percent is a candidate beside the base: the base acts
 * on whom the candidate does not reach. One in mode enforce or off replaces both.
 */
export interface PolicyInForce {
  base: PolicyVersion | null;
  candidate: PolicyVersion | null;
}
