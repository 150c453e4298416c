/** The port to a zlib compressor ([RFC1950], [RFC1951]); core has none of its own. */

export interface Deflate {
  /** One whole zlib stream. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  openStream(): DeflateStream;
}

/** A zlib stream that goes on from call to call. */
export interface DeflateStream {
  /**
   * Compresses to a byte boundary (Z_SYNC_FLUSH): what comes back decodes all that went in. The bytes stay as they are
   * until then; one call at a time. level: zlib's, from 0 to 9.
   */
  flush(bytes: Uint8Array, level: number): Promise<Uint8Array>;
  /** Frees the compressor; a flush under way may reject. */
  close(): void;
}
