import type { PolicyFile } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { PolicyCompileError } from '../compile/compile-error.ts';
import { compilePolicy } from '../compile/policy.ts';
import { checkContext } from './check-context.ts';
import { checkMeaning } from './check-meaning.ts';
import { checkNeutrality } from './check-neutrality.ts';
import type { OtherPolicy } from './check-others.ts';
import { checkOthers } from './check-others.ts';
import { checkOverlap } from './check-overlap.ts';
import { checkPolicy } from './check-policy.ts';
import { checkProvider, settingsOf } from './check-provider.ts';
import { checkValues } from './check-values.ts';
import type { LintResult } from './finding.ts';
import { readJsonText } from './json-text.ts';
import { placed } from './placement.ts';
import { Report } from './report.ts';

/** What a policy is checked against. */
export interface LintContext {
  /** name of the file, for findings */
  file: string;
  /** null = not known: what needs them is not checked */
  plans: readonly PlanVersion[] | null;
  /** null = not known: its profiles and products are not checked */
  provider: ProviderSettings | null;
  /** the folder's other policies */
  others: readonly OtherPolicy[];
}

/** A policy text's findings, and its content where the format's checks found no error. */
export interface PolicyLint extends LintResult {
  /** null where it cannot be compiled; other errors leave it here */
  policy: PolicyFile | null;
}

/**
 * All checks of a policy text. Never throws; of any text it is done in a second or two (what the conditions mean is asked
 * within a budget of steps). What needs a strict limit calls it in a worker.
 */
export function lintPolicyText(input: string | Uint8Array, context: LintContext): PolicyLint {
  const json = readJsonText(input);
  const report = new Report();
  let policy: PolicyFile | null = null;
  if (json.parsed !== null) {
    checkPolicy(json.parsed.value, report);
    const isSound = !report.hasErrors && !json.findings.some(({ code }) => code !== 'P003');
    if (isSound) policy = checkWhole(json.parsed.value as PolicyFile, context, report);
  }
  return { ...placed(context.file, json, report), policy };
}

function checkWhole(file: PolicyFile, context: LintContext, report: Report): PolicyFile | null {
  const { plans, provider, others } = context;
  checkContext(file, plans, provider, report);
  checkOthers(file, others, plans, report);
  if (provider?.neutrality === true) checkNeutrality(file, plans, report);
  checkValues(file, report);
  checkMeaning(file, provider, report);
  checkOverlap(file, others, context, report);
  return compiles(file, provider, report) ? file : null;
}

/** The compiler has the last word. */
function compiles(file: PolicyFile, provider: ProviderSettings | null, report: Report): boolean {
  try {
    compilePolicy({ policyId: file.id, version: 'draft', file }, provider ?? settingsOf({}));
    return true;
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    report.add('P010', [], error.message);
    return false;
  }
}

/** provider.json's findings, and its content where there is no error. */
export interface ProviderLint extends LintResult {
  settings: ProviderSettings | null;
}

/** All checks of a provider.json. Never throws. */
export function lintProviderText(input: string | Uint8Array, file = 'provider.json'): ProviderLint {
  const json = readJsonText(input);
  const report = new Report();
  if (json.parsed !== null) checkProvider(json.parsed.value, report);
  const result = placed(file, json, report);
  const value = json.parsed?.value;
  return { ...result, settings: result.errors === 0 && value !== undefined ? settingsOf(value) : null };
}
