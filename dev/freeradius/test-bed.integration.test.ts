import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const database = new pg.Client(process.env['FREERADIUS_DATABASE_URL']);

beforeAll(() => database.connect());
afterAll(() => database.end());

/** Runs radclient; its exit code is not looked at, since a NAK and a missing answer are wanted here. */
async function radclient(port: string, kind: string, attributes: string): Promise<string> {
  const secret = process.env['FREERADIUS_SECRET'] ?? '';
  const args = ['-x', '-r', '1', '-t', '1', `127.0.0.1:${process.env[port] ?? ''}`, kind, secret];
  const child = promisify(execFile)('radclient', args);
  child.child.stdin?.end(`${attributes}\n`);
  return child.then(
    (done) => done.stdout + done.stderr,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}

describe('the FreeRADIUS of the tests', () => {
  it('accepts the right password from SQL and no other', async () => {
    const name = `user-${randomUUID()}`;
    await database.query(
      `insert into radcheck (username, attribute, op, value) values ($1, 'Cleartext-Password', ':=', 'right')`,
      [name],
    );
    const ask = (password: string) =>
      radclient('FREERADIUS_AUTH_PORT', 'auth', `User-Name="${name}",User-Password="${password}"`);
    expect(await ask('right')).toContain('Received Access-Accept');
    expect(await ask('wrong')).toContain('Received Access-Reject');
  });

  it('stores accounting in radacct', async () => {
    const session = randomUUID();
    const start = `User-Name="a",Acct-Session-Id="${session}",Acct-Status-Type=Start,NAS-IP-Address=127.0.0.1`;
    expect(await radclient('FREERADIUS_ACCT_PORT', 'acct', start)).toContain('Received Accounting-Response');
    const found = await database.query('select username from radacct where acctsessionid = $1', [session]);
    expect(found.rows).toEqual([{ username: 'a' }]);
  });

  it.each([
    ['coa', 'alice', 'Received CoA-ACK'],
    ['disconnect', 'alice', 'Received Disconnect-ACK'],
    ['coa', 'ghost', 'Session-Context-Not-Found'],
    ['coa', 'deaf', 'No reply from server'],
  ])('the stand-in NAS answers %s for %s with %s', async (kind, user, answer) => {
    const session = randomUUID();
    const attributes = `User-Name="${user}",Acct-Session-Id="${session}"`;
    expect(await radclient('FREERADIUS_COA_PORT', kind, attributes)).toContain(answer);
    expect(await readFile(process.env['FREERADIUS_COA_LOG'] ?? '', 'utf8')).toContain(session);
  });
});
