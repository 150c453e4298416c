/** How large the guest's screen is drawn. Sizes of the guest and of devices are pixels, of the page CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface ScaleOptions {
  /** Fill the area; otherwise one guest pixel is about one CSS pixel and a large screen scrolls. */
  readonly fit: boolean;
  /** Only whole numbers of device pixels for a guest pixel, so that none is wider than its neighbour. */
  readonly pixelExact: boolean;
  readonly devicePixelRatio: number;
}

/** The size in CSS pixels; `sharp` when every guest pixel covers the same whole number of device pixels. */
export function displaySize(guest: Size, area: Size, options: ScaleOptions): Size & { readonly sharp: boolean } {
  const { devicePixelRatio: ratio } = options;
  const most = Math.min((area.width * ratio) / guest.width, (area.height * ratio) / guest.height);
  const wanted = options.fit ? most : ratio;
  const whole = options.fit ? Math.floor(wanted) : Math.max(1, Math.round(wanted));
  // A screen larger than the area cannot be exact: shrinking it beats cutting it off.
  const exact = whole >= 1 && (options.pixelExact || !options.fit || wanted === whole);
  const scale = exact ? whole : wanted;
  return { width: (guest.width * scale) / ratio, height: (guest.height * scale) / ratio, sharp: exact };
}
