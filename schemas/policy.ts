/** A json-rules-engine condition tree, verbatim. */
export type Condition =
  | { all: Condition[]; name?: string; priority?: number }
  | { any: Condition[]; name?: string; priority?: number }
  | { not: Condition; name?: string; priority?: number }
  | { condition: string; name?: string; priority?: number }
  | {
      fact: string;
      operator: string;
      value: unknown;
      path?: string;
      params?: Record<string, unknown>;
      priority?: number;
      name?: string;
    };

/** How long an effect is held: while the conditions hold, latched to the cycle's end, or for N seconds. */
export type Until = 'while' | 'cycle-end' | { seconds: number };

/** What a rule asks for when it starts to hold. */
export type PolicyEvent =
  | { type: 'throttle'; params: { downBps: number; upBps: number; until?: Until; minHoldSeconds?: number } }
  | { type: 'notify'; params: { template: string; channel: string } };

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
  rules: PolicyRule[];
}

/** A published policy; the version is the SHA-256 (hex) of the file's canonical content. */
export interface PolicyVersion {
  policyId: string;
  version: string;
  file: PolicyFile;
}
