import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../schemas/errors.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 4;

/** Reads a 256-bit key as base64 or hex. Null where it is neither. */
export function parseSecretKey(text: string): Buffer | null {
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  return key.length === KEY_BYTES ? key : null;
}

/**
 * The embedded default's key: made at first start in a file that only this user reads (mode 0600).
 *
 * @throws AppError 'store-corrupt' when the file is there and holds no key: what it sealed cannot be read any more
 */
export async function readOrCreateSecretKey(file: string): Promise<Buffer> {
  // With every server elsewhere nobody else has made the data folder.
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    // 'wx': a key that is there is never overwritten.
    await writeFile(file, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = parseSecretKey((await readFile(file, 'utf8')).trim());
  if (key === null) throw new AppError('store-corrupt', `${file} does not hold a 256-bit key`);
  return key;
}

/** Seals small secrets for rest: AES-256-GCM; layout key id (4), nonce (12), tag (16), ciphertext. */
export class SecretBox {
  readonly #key: Buffer;
  readonly #keyId: Buffer;

  /** @param key 32 bytes */
  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES)
      throw new RangeError(`a secret key has ${KEY_BYTES} bytes, not ${key.length}`);
    this.#key = key;
    this.#keyId = createHash('sha256').update('weir key id').update(key).digest().subarray(0, KEY_ID_BYTES);
  }

  /** @param context what the secret belongs to: a sealed value moved to another row does not open */
  seal(secret: string, context: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(context));
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([this.#keyId, nonce, cipher.getAuthTag(), text]);
  }

  /** @throws AppError 'store-rejected' when it was sealed under another key; 'store-corrupt' when it was changed */
  open(sealed: Uint8Array, context: string): string {
    const bytes = Buffer.from(sealed);
    if (!bytes.subarray(0, KEY_ID_BYTES).equals(this.#keyId)) {
      throw new AppError(
        'store-rejected',
        'a stored secret was sealed under another key: set the right WEIR_SECRET_KEY',
      );
    }
    const textAt = KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;
    const nonce = bytes.subarray(KEY_ID_BYTES, KEY_ID_BYTES + NONCE_BYTES);
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(textAt - TAG_BYTES, textAt));
      return Buffer.concat([decipher.update(bytes.subarray(textAt)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new AppError('store-corrupt', 'a stored secret does not open: the row was changed', { cause });
    }
  }
}
