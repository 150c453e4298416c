/** The part of Web Crypto that core uses: it is in browsers, in Node 20 and in workers of both. */
declare const crypto: {
  /** Fills the array with random numbers from the host's generator. */
  getRandomValues(array: Uint32Array): Uint32Array;
};
