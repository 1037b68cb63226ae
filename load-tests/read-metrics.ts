const ANSWER_MS = 5_000;

/**
 * Metrics of a running program by name, the series of each summed up (histograms by their _sum and _count). Empty where
 * it cannot tell them now. @throws where it does not answer
 */
export async function readMetrics(port: number): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${String(port)}/metrics`, {
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const sums = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    const match = /^([a-z_:]+)(?:\{.*\})? (\S+)$/i.exec(line);
    if (match === null) continue;
    const [, name = '', value = ''] = match;
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
