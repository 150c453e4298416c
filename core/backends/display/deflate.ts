/** The port to a zlib compressor ([RFC1950], [RFC1951]); core has none of its own. */

export interface Deflate {
  /** One whole zlib stream. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  openStream(): DeflateStream;
}

/** A zlib stream that goes on from call to call. */
export interface DeflateStream {
  /** Compresses to a byte boundary (Z_SYNC_FLUSH): what comes back decodes all that went in. One call at a time. */
  flush(bytes: Uint8Array): Promise<Uint8Array>;
  /** Frees the compressor; a flush under way may reject. */
  close(): void;
}
