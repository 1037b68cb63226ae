import type { ClassBytes, ClosedCycle } from '../schemas/usage-record.ts';
import type { Amount } from './amount.ts';
import { isNothing } from './amount.ts';
import { bytesText, timeText } from './difference.ts';
import type { ClosedAccount } from './expected.ts';
import type { BandedTotal } from './totals.ts';

/** What of a closed cycle is compared. */
export interface Closing {
  classes: ReadonlyMap<string, Amount>;
  adjusted: Amount;
  /** null = it does not tell */
  account: ClosedAccount | null;
}

/** A closed cycle as it was stored. */
export function storedClosing(cycle: ClosedCycle): Closing {
  return {
    classes: amountsOf(cycle.classes),
    adjusted: { down: BigInt(cycle.adjustedDownBytes), up: BigInt(cycle.adjustedUpBytes) },
    account: storedAccount(cycle),
  };
}

/** What a closed cycle says that it is billed by; null where it was told by a slot that knows none of it. */
export function storedAccount({ planId, parts, allowance, overage }: ClosedCycle): ClosedAccount | null {
  if (parts === undefined || allowance === undefined || overage === undefined) return null;
  return {
    planId,
    parts: parts.map(({ countedBytes, classes, offPeak, ...part }) => ({
      ...part,
      counted: BigInt(countedBytes),
      total: {
        startMs: part.fromMs,
        endMs: part.toMs,
        classes: amountsOf(classes),
        offPeak: amountsOf(offPeak),
      },
    })),
    base: allowance.baseBytes === null ? null : BigInt(allowance.baseBytes),
    carryIn: BigInt(allowance.carryInBytes),
    carryOut: BigInt(allowance.carryOutBytes),
    topUps: new Map(allowance.topUps.map(({ id, usedBytes }) => [id, BigInt(usedBytes)])),
    blocks: overage.blocks,
    soldBytes: overage.soldBytes,
    over: BigInt(overage.overBytes),
    corrected: BigInt(overage.correctedBytes),
    terms: overage.terms ?? null,
  };
}

function amountsOf(shares: readonly ClassBytes[]): Map<string, Amount> {
  const amount = ({ downBytes, upBytes }: ClassBytes): Amount => ({
    down: BigInt(downBytes),
    up: BigInt(upBytes),
  });
  return new Map(shares.map((share) => [share.serviceClass, amount(share)]));
}

/** For people, and alike where two closed cycles are. @param tells `account` false: only what was carried is told */
export function closingText({ classes, adjusted, account }: Closing, tells: { account: boolean }): string {
  const texts = sharesText(classes);
  if (!isNothing(adjusted)) texts.push(`adjusted ${bytesText(adjusted)}`);
  const measured = texts.join('; ') || 'no usage';
  return tells.account && account !== null ? `${measured}; ${accountText(account)}` : measured;
}

function sharesText(classes: ReadonlyMap<string, Amount>): string[] {
  return [...classes]
    .filter(([, amount]) => !isNothing(amount))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => `${name === '' ? 'default' : name} ${bytesText(amount)}`);
}

function accountText(account: ClosedAccount): string {
  const { planId, base, carryIn, carryOut, topUps, blocks, soldBytes, over, corrected, terms } = account;
  const used = [...topUps].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, bytes]) => `${id} ${bytes}`);
  const { blockBytes, blockPriceMinor, currency, maxBlocks } = terms ?? {};
  return [
    `plan ${planId === '' ? 'none' : planId}`,
    ...account.parts.map(partText),
    `cap ${base === null ? 'none' : String(base)}, ${carryIn} carried in, ${carryOut} carried out`,
    ...(used.length > 0 ? [`top-ups ${used.join(', ')}`] : []),
    `${blocks} blocks of ${soldBytes} bytes, ${over} beyond, ${corrected} taken back`,
    ...(terms === null
      ? []
      : [
          `sold by ${String(blockBytes)} bytes for ${String(blockPriceMinor)} ${String(currency)} up to ${String(maxBlocks)}`,
        ]),
  ].join('; ');
}

function partText(part: ClosedAccount['parts'][number]): string {
  const { fromMs, toMs, planId, version, unlimited, counted, total } = part;
  const kind = unlimited ? ', unlimited' : '';
  const name = `${timeText(fromMs)} to ${timeText(toMs)} by ${planId} version ${version}${kind}`;
  return `${name}: ${[`counted ${counted}`, ...bandsText(total)].join(', ')}`;
}

function bandsText({ classes, offPeak }: BandedTotal): string[] {
  return [...sharesText(classes), ...sharesText(offPeak).map((text) => `off-peak ${text}`)];
}
