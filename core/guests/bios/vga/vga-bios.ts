export function buildVgaBios(): { image: Uint8Array; edid: number } {
  return { image: new Uint8Array(512), edid: 0 };
}
