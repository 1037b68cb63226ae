import type { PolicyFile } from '../schemas/policy.ts';
import { checkPolicy } from './lint/check-policy.ts';
import type { FindingCode } from './lint/finding.ts';
import { pathText } from './lint/finding.ts';
import { Report } from './lint/report.ts';

/** One fault of a policy file: where (JSON path) and what to do. */
export interface PolicyFault {
  code: FindingCode;
  path: string;
  message: string;
}

/**
 * Checks a parsed JSON value against the policy format: what is accepted compiles, and never makes the library throw.
 * Returns the file, or its faults (at most 100). The same checks as the linter's, which also looks at the text, at what
 * plans and provider have, and at what the rules mean. Bounded: at most 200 rules, 500 conditions a rule, 16 levels.
 */
export function checkPolicyFile(value: unknown): { file: PolicyFile } | { faults: PolicyFault[] } {
  const report = new Report();
  checkPolicy(value, report);
  if (!report.hasErrors) return { file: value as PolicyFile };
  return {
    faults: report.kept.error.map(({ code, at, message }) => ({ code, path: pathText(at), message })),
  };
}
