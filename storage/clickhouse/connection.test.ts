import { describe, expect, it } from 'vitest';
import { parseClickHouseUrl } from './connection.ts';

describe('parseClickHouseUrl', () => {
  it('takes user, password and database from the URL, decoded', () => {
    expect(parseClickHouseUrl('https://we%40ir:p%2Fw%3A@ch.example:8443/isp')).toEqual({
      origin: 'https://ch.example:8443',
      username: 'we@ir',
      password: 'p/w:',
      database: 'isp',
    });
  });

  it('uses the default user and database where the URL names none', () => {
    expect(parseClickHouseUrl('http://127.0.0.1:8123')).toMatchObject({
      username: 'default',
      password: '',
      database: 'default',
    });
  });

  it.each([
    '',
    'localhost:8123',
    'tcp://u:secret@host:9000',
    'http://u:secret@host/a/b',
    'http://u:secret%@host/',
  ])('refuses %j without repeating the password', (url) => {
    expect(() => parseClickHouseUrl(url)).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: expect.not.stringContaining('secret') as string,
      }),
    );
  });
});
