import type { PlanVersion } from '../schemas/profile.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import type { LintContext } from '../rules/lint/lint-policy.ts';
import { lintPolicyText } from '../rules/lint/lint-policy.ts';
import { plan } from './factories.ts';

/** What provider.json of these texts holds. */
export const PROVIDER: ProviderSettings = {
  ...NO_PROVIDER_SETTINGS,
  throttleProfiles: {
    crawl: { downBps: 64_000, upBps: 64_000 },
    'crawl-too': { downBps: 64_000, upBps: 64_000 },
  },
  redirectProfiles: ['pay-page'],
  topUps: { 'ten-gb': { bytes: 1e10, priceMinor: 500, currency: 'EUR', validSeconds: null } },
};

/** One plan without terms of overage, one with. */
export const PLANS: PlanVersion[] = [
  plan({ planId: 'home-100', downBps: 100e6, upBps: 20e6, overage: null }),
  plan({
    planId: 'paid-100',
    overage: { blockBytes: 1e9, blockPriceMinor: 100, currency: 'EUR', maxBlocks: null },
  }),
];

/** Plans are not known. */
export const CONTEXT: LintContext = { file: 'a.json', plans: null, provider: PROVIDER, others: [] };

/** A policy of one rule; what is wrong in a case is put in its place. */
export function policyText({
  head = '"id": "a", "description": "", "mode": "enforce",',
  rule = '"name": "r",',
  when = '{ "all": [{ "fact": "capUsedPercent", "operator": "greaterThan", "value": 80 }] }',
  event = '{ "type": "notify", "params": { "template": "t", "channel": "sms" } }',
  more = '',
}: Partial<Record<'head' | 'rule' | 'when' | 'event' | 'more', string>> = {}): string {
  return `{\n  ${head}\n  "rules": [\n    { ${rule}\n      "conditions": ${when},\n      "event": ${event} }${more}\n  ]\n}\n`;
}

/** `« »` in a text are where a finding is expected to begin and end. */
export function marked(text: string): { text: string; place: string } {
  const position = (offset: number): string => {
    const before = text.slice(0, offset).replaceAll(/[«»]/g, '').split('\n');
    return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
  };
  const place = `${position(text.indexOf('«'))}-${position(text.indexOf('»'))}`;
  return { text: text.replaceAll(/[«»]/g, ''), place };
}

/** Codes with their places, `P101 4:9-4:12`. */
export function findingsOf(text: string | Uint8Array, context: Partial<LintContext> = {}): string[] {
  const { findings } = lintPolicyText(text, { ...CONTEXT, ...context });
  return findings.map(
    ({ code, line, column, endLine, endColumn }) => `${code} ${line}:${column}-${endLine}:${endColumn}`,
  );
}

/** Parts of such a text. */
export const leaf = (text: string): string => `{ "all": [{ ${text} }] }`;
export const head = (text: string): string => `"id": "a", "description": "", "mode": "enforce", ${text},`;
export const event = (type: string, params: string): string =>
  `{ "type": "${type}", "params": { ${params} } }`;
export const rule = (name: string, when: string, effect: string, more = ''): string =>
  `,\n    { "name": "${name}", ${more} "conditions": ${when}, "event": ${effect} }`;
export const slow = (bps: number): string => event('throttle', `"downBps": ${bps}, "upBps": ${bps}`);
export const above = (percent: number): string =>
  leaf(`"fact": "capUsedPercent", "operator": "greaterThan", "value": ${percent}`);
export const doubled = (levels: number): string =>
  [...Array(levels).keys()]
    .map((i) => `"c${i}": { "all": [{ "condition": "c${i + 1}" }, { "condition": "c${i + 1}" }] }`)
    .concat(`"c${levels}": ${above(80)}`)
    .join(', ');
