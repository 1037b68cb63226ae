import { canonicalJson } from '../../storage/canonical-json.ts';
import type { PolicyFile, PolicyVersion } from '../../schemas/policy.ts';
import type { PolicyStore, ShadowDecisions } from '../../storage/policy-ports.ts';
import { actsAtOnce, shareText } from './acts-at-once.ts';
import { lastInShadow } from './shadow-period.ts';
import type { VersionInShadow } from './shadow-period.ts';

/** Versions and changes that are looked back over. */
const MAX_HISTORY = 200;

/** What the guard looks at. */
export interface GuardParts {
  store: Pick<PolicyStore, 'head' | 'versions' | 'changes'>;
  shadows: Pick<ShadowDecisions, 'holding'>;
  /** percent of all subscribers; acting on more at once has to be confirmed */
  confirmPercent: number;
}

/** What a publication does at once. */
export interface ActsAtOnce {
  /** subscribers; null where nobody knows, or nothing changes */
  actsOn: number | null;
  /** why it has to be confirmed; null = it has not */
  question: string | null;
}

/** On how many subscribers a version would act at once, as far as its rules were in shadow, and whether that needs a yes. */
export async function actsOnAtOnce(
  { store, shadows, confirmPercent }: GuardParts,
  { policyId, version, file }: PolicyVersion,
  subscribers: number,
): Promise<ActsAtOnce> {
  const nothing = { actsOn: null, question: null };
  if (file.mode === 'off' || file.mode === 'shadow') return nothing;
  const head = await store.head(policyId);
  const inForce = file.mode === 'percent' ? head?.candidate : head?.base;
  if (inForce?.version.version === version) return nothing;
  const period = await shadowOfRules(store, policyId, file);
  const holding = period === null ? null : await shadows.holding(policyId, period);
  if (holding === null) return nothing;
  const actsOn = actsAtOnce(holding, file.mode === 'percent' ? (file.percent ?? 0) : 100);
  const isMuch = actsOn * 100 > subscribers * confirmPercent;
  const question = `this acts on ${shareText(actsOn, subscribers)} at once, more than ${confirmPercent} %`;
  return { actsOn, question: isMuch ? question : null };
}

/** When a policy was last in shadow with these rules; null = it was not. */
export async function shadowOfRules(
  store: Pick<PolicyStore, 'versions' | 'changes'>,
  policyId: string,
  file: PolicyFile,
): Promise<VersionInShadow | null> {
  const versions = await store.versions(policyId, MAX_HISTORY);
  const inShadow = versions.filter((each) => each.file.mode === 'shadow');
  const rules = rulesOf(file);
  const same = inShadow.filter((each) => rulesOf(each.file) === rules);
  if (same.length === 0) return null;
  const names = (of: typeof versions): Set<string> => new Set(of.map(({ version }) => version));
  return lastInShadow(await store.changes(policyId, MAX_HISTORY), names(inShadow), names(same));
}

/** All of a file but how far it goes. */
function rulesOf({ mode: _mode, percent: _percent, ...rules }: PolicyFile): string {
  return canonicalJson(rules);
}
