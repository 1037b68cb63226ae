import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretBox, parseSecretKey } from './secret-box.ts';

const key = randomBytes(32);

describe('SecretBox', () => {
  it('opens what it sealed, and seals the same text differently each time', () => {
    const box = new SecretBox(key);
    const sealed = box.seal('s3cret ü', 'nas-1');
    expect(new SecretBox(key).open(sealed, 'nas-1')).toBe('s3cret ü');
    expect(box.seal('s3cret ü', 'nas-1').equals(sealed)).toBe(false);
    expect(sealed.includes('s3cret')).toBe(false);
  });

  it('refuses another key, another row and a changed byte, each with its own code', () => {
    const sealed = new SecretBox(key).seal('x', 'nas-1');
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1);
    const opening = (box: SecretBox, bytes: Buffer, context: string) => () => box.open(bytes, context);
    expect(opening(new SecretBox(randomBytes(32)), sealed, 'nas-1')).toThrow(/another key/);
    expect(opening(new SecretBox(key), sealed, 'nas-2')).toThrow(/was changed/);
    expect(opening(new SecretBox(key), changed, 'nas-1')).toThrow(/was changed/);
  });
});

describe('parseSecretKey', () => {
  it.each([
    ['hex', key.toString('hex'), true],
    ['base64', key.toString('base64'), true],
    ['too short', 'YWJj', false],
    ['empty', '', false],
  ])('%s', (_name, text, valid) => {
    expect(parseSecretKey(text)?.equals(key) ?? false).toBe(valid);
  });
});
