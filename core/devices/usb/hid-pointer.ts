/** What the mouse and the tablet have in common: a pointer with five buttons. [HID] E.10. */

/** All buttons: bit 0 left, 1 right, 2 middle, 3 fourth, 4 fifth. */
export const FIVE_BUTTONS = 0x1f;

/** How their report descriptors begin; both collections stay open. */
// biome-ignore format: one item a line
export const FIVE_BUTTON_POINTER = Uint8Array.of(
  0x05, 0x01, //   Usage Page (Generic Desktop)
  0x09, 0x02, //   Usage (Mouse)
  0xa1, 0x01, //   Collection (Application)
  0x09, 0x01, //     Usage (Pointer)
  0xa1, 0x00, //     Collection (Physical)
  0x05, 0x09, //       Usage Page (Button)
  0x19, 0x01, //       Usage Minimum (1)
  0x29, 0x05, //       Usage Maximum (5)
  0x15, 0x00, //       Logical Minimum (0)
  0x25, 0x01, //       Logical Maximum (1)
  0x95, 0x05, //       Report Count (5)
  0x75, 0x01, //       Report Size (1)
  0x81, 0x02, //       Input (Data, Variable, Absolute)
  0x95, 0x01, //       Report Count (1)
  0x75, 0x03, //       Report Size (3)
  0x81, 0x01, //       Input (Constant)
);
