import { decompress as decompressZstd } from 'fzstd';
import kafkajs from 'kafkajs';
import { compressFrame, decompressFrame } from 'lz4-napi';
import * as snappy from 'snappy';

/** Frame of the snappy-java library, which Java producers write: magic, version, compatible version, then blocks. */
const SNAPPY_JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const SNAPPY_JAVA_HEADER_BYTES = 16;
/** Largest batch that is unpacked: 100 times what a fetch of a partition brings. Bytes. */
const MAX_UNPACKED_BYTES = 128 * 1024 * 1024;

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

const snappyCodec: Codec = {
  compress: (encoder) => snappy.compress(encoder.buffer),
  async decompress(buffer) {
    if (!buffer.subarray(0, 8).equals(SNAPPY_JAVA_MAGIC)) return bytes(await snappy.uncompress(buffer));
    const blocks: Buffer[] = [];
    let total = 0;
    for (let at = SNAPPY_JAVA_HEADER_BYTES; at + 4 <= buffer.length;) {
      const size = buffer.readUInt32BE(at);
      const block = bytes(await snappy.uncompress(buffer.subarray(at + 4, at + 4 + size)));
      total += block.length;
      if (total > MAX_UNPACKED_BYTES) throw new Error('a snappy batch unpacks to too many bytes');
      blocks.push(block);
      at += 4 + size;
    }
    return Buffer.concat(blocks);
  },
};

const lz4Codec: Codec = {
  compress: (encoder) => compressFrame(encoder.buffer),
  decompress: (buffer) => decompressFrame(buffer),
};

/** fzstd only decompresses, and in this thread: 60-100 MB/s. Producers of ours use gzip or nothing. */
const zstdCodec: Codec = {
  compress: () => Promise.reject(new Error('zstd is read, never written')),
  decompress(buffer) {
    const unpacked = decompressZstd(buffer);
    return Promise.resolve(Buffer.from(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength));
  },
};

/** Gives kafkajs the codecs that it lacks (it has gzip). Its registry is global; repeating this is harmless. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = () => snappyCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
}

function bytes(value: Buffer | string): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : value;
}
