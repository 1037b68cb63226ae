import { lines } from './format.ts';
import type { FilePlace, PlacedResult, TestedPolicy } from './policy-test-run.ts';

/** Cases and conditions of all policies that were tested. */
export interface TestSummary {
  policies: number;
  withoutTests: number;
  withFaults: number;
  passed: number;
  failed: number;
  /** policies whose coverage is below what was asked for */
  belowCoverage: number;
}

/** @param leastPercent coverage that each policy must have; null = any will do */
export function summaryOf(tested: readonly TestedPolicy[], leastPercent: number | null): TestSummary {
  const sum = (of: (one: TestedPolicy) => number): number =>
    tested.reduce((total, one) => total + of(one), 0);
  return {
    policies: tested.length,
    withoutTests: sum(({ testFile }) => Number(testFile === null)),
    withFaults: sum(({ faults }) => Number(faults.length > 0)),
    passed: sum(({ result }) => result?.passed ?? 0),
    failed: sum(({ result }) => result?.failed ?? 0),
    belowCoverage: sum((one) => Number(isBelow(one, leastPercent))),
  };
}

/** True where every file can be tested, every case passes and coverage is what was asked for. */
export function isGood({ withFaults, failed, belowCoverage }: TestSummary): boolean {
  return withFaults === 0 && failed === 0 && belowCoverage === 0;
}

/** The outcome for a terminal. */
export function policyTestText(tested: readonly TestedPolicy[], leastPercent: number | null): string {
  const { policies, withoutTests, withFaults, passed, failed, belowCoverage } = summaryOf(
    tested,
    leastPercent,
  );
  const remarks = [
    ...(withFaults > 0 ? [`${withFaults} could not be tested`] : []),
    ...(withoutTests > 0 ? [`${withoutTests} without tests`] : []),
    ...(belowCoverage > 0 ? [`${belowCoverage} below ${String(leastPercent)} % coverage`] : []),
  ];
  return lines([
    ...tested.flatMap((one) => [...policyLines(one, leastPercent), '']),
    [`policies: ${policies}`, `cases: ${passed} passed, ${failed} failed`, ...remarks].join('; '),
  ]);
}

function policyLines(one: TestedPolicy, leastPercent: number | null): string[] {
  const { file, faults, result, testFile } = one;
  if (faults.length > 0)
    return [file, ...faults.map((fault) => `  ${placeText(fault)}: ${fault.code} ${fault.message}`)];
  if (result === null)
    return [
      file,
      `  no tests${testFile === null ? `: they go to ${file.replace(/\.json$/, '.test.json')}` : ''}`,
    ];
  return [file, ...result.cases.flatMap(caseLines), ...coverageLines(result, isBelow(one, leastPercent))];
}

function isBelow({ result, faults }: TestedPolicy, leastPercent: number | null): boolean {
  return leastPercent !== null && faults.length === 0 && (result?.coverage.percent ?? 0) < leastPercent;
}

type Case = PlacedResult['cases'][number];
type Failure = Case['failures'][number];

function caseLines({ name, place, passed, failures }: Case): string[] {
  if (passed) return [`  ok    ${name}`];
  return [`  FAIL  ${name}  (${placeText(place)})`, ...failures.flatMap(failureLines)];
}

const VERBS: Record<Failure['what'], string> = {
  holds: 'to hold',
  begins: 'to begin',
  ends: 'to end',
  diverges: 'to hold, says json-rules-engine',
};

function failureLines({ at, what, expected, actual, rules, hint, place }: Failure): string[] {
  const when = at === null ? '' : `at ${at} s (${placeText(place)}) `;
  return [
    `          ${when}expected ${VERBS[what]}: ${named(expected)}; actually: ${named(actual)}`,
    ...(hint === null ? [] : [`          ${hint}`]),
    ...rules.flatMap(({ rule, event, conditions }) => [
      `          ${rule} (${event}):`,
      ...conditions.map(
        (condition) =>
          `            ${String(condition.result).padEnd(5)}  ${conditionText(condition)}; it is ${value(condition.actual)}  ` +
          `(${placeText(condition.place)})`,
      ),
    ]),
  ];
}

function coverageLines({ coverage }: PlacedResult, isTooLittle: boolean): string[] {
  const { percent, covered, conditions, uncovered } = coverage;
  // Down: 99.6 % must not look like all.
  const shown = Math.floor(percent);
  const outcomes = `${covered} of ${2 * conditions} outcomes`;
  return [
    `  conditions ${shown} % covered (${outcomes})${isTooLittle ? ': too little' : ''}`,
    ...uncovered.map(
      ({ neverTrue, neverFalse, place, ...condition }) =>
        `    ${placeText(place)}: ${conditionText(condition)} was never ` +
        (neverTrue && neverFalse ? 'asked' : neverTrue ? 'true' : 'false'),
    ),
  ];
}

function conditionText({
  fact,
  operator,
  expected,
}: {
  fact: string;
  operator: string;
  expected: unknown;
}): string {
  return `${fact} ${operator} ${value(expected)}`;
}

function placeText({ file, line, column }: FilePlace): string {
  return `${file}:${line}:${column}`;
}

function named(rules: readonly string[]): string {
  return rules.length === 0 ? 'no rule' : rules.join(', ');
}

function value(of: unknown): string {
  return JSON.stringify(of) ?? 'nothing';
}
