import type { ImportFaultsView, ImportsView, ImportView } from '../schemas/import-views.ts';
import { lines } from './format.ts';

/** What became of an import, for people. */
export function importText(view: ImportView, faults: ImportFaultsView | null = null): string {
  const { importId, kind, state, dryRun, records, applied, reason, known, created } = view;
  const of = records === null ? 'a file that was not read to its end' : `${records} ${kind}`;
  const told = faults?.items.map(({ record, fault }) => `  record ${record}  ${fault}`) ?? [];
  if (faults !== null && faults.next !== null)
    told.push('  and more: weir import show says them all with --json');
  return lines([
    `import ${importId} of ${of}: ${state}${dryRun ? ' (dry run)' : ''}, ${applied} applied`,
    ...(reason === null ? [] : [`  ${reason}`]),
    ...(known
      ? [
          `  nothing was applied now: this is the import of ${created}, and the last one of its kind.`,
          `  weir import forget ${importId} lets the same file be applied again`,
        ]
      : []),
    ...told,
  ]);
}

/** A line an import, the last first. */
export function importsText({ items }: ImportsView): string {
  if (items.length === 0) return lines(['no file was brought in']);
  return lines(
    items.map(({ importId, kind, state, dryRun, records, applied, by, created }) =>
      [
        importId,
        created,
        state + (dryRun ? ' (dry run)' : ''),
        `${applied} of ${records ?? '?'} ${kind}`,
        `by ${by}`,
      ].join('  '),
    ),
  );
}
