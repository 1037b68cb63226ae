import type { AgainstWhat } from './report.ts';

/** What the draft was held against, for people. */
export function againstText({ kind, file, policies }: AgainstWhat): string {
  if (kind === 'none') return 'no policies';
  if (kind === 'file') return file;
  const count = policies.length;
  return `the ${String(count)} live ${count === 1 ? 'policy' : 'policies'}`;
}
