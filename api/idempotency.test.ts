import { beforeAll, describe, expect, it } from 'vitest';
import { recordingApi } from './tariff-rig.contract.ts';

let rig: Awaited<ReturnType<typeof recordingApi>>;

beforeAll(async () => {
  rig = await recordingApi();
}, 120_000);

const KEY = { 'idempotency-key': 'once' };

describe('an Idempotency-Key', () => {
  it('is refused where a request would be done twice with it', async () => {
    const command = { type: 're-evaluate' };
    const refused = await rig.ask('POST', '/v1/subscribers/s1/commands', command, KEY);
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-input' } });
    expect(refused.body['detail']).toContain('takes no Idempotency-Key');
    expect((await rig.ask('POST', '/v1/subscribers/s1/commands', command)).status).toBe(202);
  });

  it('is not told of to strangers, and harmless where a repeat is', async () => {
    const stranger = { ...KEY, role: 'feed' as const };
    expect((await rig.ask('POST', '/v1/subscribers/s1/commands', {}, stranger)).status).toBe(403);
    expect((await rig.ask('GET', '/v1/subscribers/s1', undefined, KEY)).status).toBe(200);
  });
});
