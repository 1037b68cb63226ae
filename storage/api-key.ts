import { createHash, randomBytes } from 'node:crypto';

const PREFIX = 'weir_';
const KEY_BYTES = 32;
/** Characters after the prefix that lists show: 24 of 256 bits. */
const SHOWN = 4;
const FORM = /^weir_[A-Za-z0-9_-]{43}$/;

/** A new key: 256 random bits behind a prefix that secret scanners and people recognise. */
export function newApiKey(): string {
  return PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

/** First characters of a key: people know it by them, and the bits that are left can not be guessed. */
export function prefixOf(key: string): string {
  return key.slice(0, PREFIX.length + SHOWN);
}

/** A public name for a key in lists and logs; tells nothing of the key. */
export function newApiKeyId(): string {
  return randomBytes(8).toString('hex');
}

/**
 * SHA-256 of a presented key; null where it has not a key's form. A slow password hash would add nothing: 256 random
 * bits cannot be guessed. Looking it up by an index leaks, at most, bits of the hash of what was presented.
 */
export function hashApiKey(key: string): Buffer | null {
  return FORM.test(key) ? createHash('sha256').update(key).digest() : null;
}
