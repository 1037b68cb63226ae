import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PLANS, PROVIDER, event, policyText } from '../../tests/policy-texts.ts';
import { lintInWorker } from './lint-worker.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('lintInWorker', () => {
  it('says what lintFolder says, of files, plans, settings and what is in force', async () => {
    const profile = bytes(policyText({ event: event('throttle', '"profile": "crawl"') }));
    const files = [{ name: 'a.json', bytes: profile }];
    const { findings, files: linted } = await lintInWorker(files, null);
    expect(findings.map(({ code, file }) => `${file} ${code}`)).toEqual(['a.json P405']);
    expect(linted[0]).toMatchObject({ kind: 'policy', policy: { id: 'a' } });
    expect((await lintInWorker(files, null, { provider: PROVIDER })).findings).toEqual([]);
    const head = '"id": "a", "description": "", "mode": "enforce", "appliesTo": { "plans": ["x"] },';
    const planned = [{ name: 'a.json', bytes: bytes(policyText({ head })) }];
    expect((await lintInWorker(planned, PLANS)).findings.map(({ code }) => code)).toEqual(['P503']);
  });

  it('accepts what ships', async () => {
    const url = new URL('../../policies/home-fup.json', import.meta.url);
    const provider = new URL('../../policies/provider.json', import.meta.url);
    const files = [
      { name: 'home-fup.json', bytes: readFileSync(url) },
      { name: 'provider.json', bytes: readFileSync(provider) },
    ];
    expect(await lintInWorker(files, null)).toMatchObject({ findings: [], errors: 0 });
  });

  it('ends a thread that takes too long: one finding a file, no policy', async () => {
    const files = [
      { name: 'a.json', bytes: bytes(policyText()) },
      { name: 'a.test.json', bytes: bytes('{}') },
      { name: 'b.json', bytes: bytes(policyText()) },
    ];
    const { findings, files: linted, errors } = await lintInWorker(files, null, { timeMs: 0 });
    expect(findings.map(({ code, file, line }) => `${file}:${line} ${code}`)).toEqual([
      'a.json:1 P009',
      'b.json:1 P009',
    ]);
    expect(linted.map((file) => file.kind === 'policy' && file.policy)).toEqual([null, null]);
    expect(errors).toBe(2);
  });

  it('ends a thread that takes too much memory', async () => {
    const numbers = [...Array(60_000).keys()].map((i) => i % 10).join(',');
    const files = [...Array(20).keys()].map((i) => ({
      name: `${i}.json`,
      bytes: bytes(`{ "a": [${numbers}] }`),
    }));
    const { findings } = await lintInWorker(files, null, { memoryMb: 8 });
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['P009']));
  });
});
