/**
 * Numbers of the USB protocol and of the device classes here.
 *
 * [USB2] Universal Serial Bus Specification 2.0, chapters 8, 9 and 11. [USB3] Universal Serial Bus 3.0 Specification,
 * chapter 9. [HID] Device Class Definition for HID 1.11. [BOT] Mass Storage Class Bulk-Only Transport 1.0.
 */
// Setup packet, [USB2] 9.3
export const SETUP_BYTES = 8;
export const REQUEST_IN = 0x80; //          bmRequestType: device to host
// bmRequestType and bRequest in one number, as the tables of the specifications pair them
export const GET_STATUS_DEVICE = 0x8000;
export const GET_STATUS_INTERFACE = 0x8100;
export const GET_STATUS_ENDPOINT = 0x8200;
export const CLEAR_FEATURE_DEVICE = 0x0001;
export const CLEAR_FEATURE_ENDPOINT = 0x0201;
export const SET_FEATURE_DEVICE = 0x0003;
export const SET_FEATURE_INTERFACE = 0x0103;
export const SET_FEATURE_ENDPOINT = 0x0203;
export const SET_ADDRESS = 0x0005;
export const GET_DESCRIPTOR = 0x8006;
export const GET_DESCRIPTOR_INTERFACE = 0x8106;
export const GET_CONFIGURATION = 0x8008;
export const SET_CONFIGURATION = 0x0009;
export const GET_INTERFACE = 0x810a;
export const SET_INTERFACE = 0x010b;
export const SET_SEL = 0x0030; //           [USB3] 9.4.12
export const SET_ISOCH_DELAY = 0x0031; //   [USB3] 9.4.11
// Features, [USB2] table 9-6, [USB3] table 9-7
export const ENDPOINT_HALT = 0;
export const DEVICE_REMOTE_WAKEUP = 1;
export const FUNCTION_SUSPEND = 0;
export const U1_ENABLE = 48;
export const U2_ENABLE = 49;
// Device status, [USB2] figure 9-4
export const STATUS_SELF_POWERED = 1 << 0;
export const STATUS_REMOTE_WAKEUP = 1 << 1;

// Descriptor types, [USB2] table 9-5, [USB3] table 9-6
export const DT_DEVICE = 1;
export const DT_CONFIGURATION = 2;
export const DT_STRING = 3;
export const DT_INTERFACE = 4;
export const DT_ENDPOINT = 5;
export const DT_DEVICE_QUALIFIER = 6;
export const DT_BOS = 15;
export const DT_DEVICE_CAPABILITY = 16;
export const DT_HID = 0x21;
export const DT_HID_REPORT = 0x22;
export const DT_HUB = 0x29;
export const DT_SS_ENDPOINT_COMPANION = 48;
export const ATTRIBUTES_BUS_POWERED = 0x80;
export const ATTRIBUTES_SELF_POWERED = 0xc0;
export const ATTRIBUTES_REMOTE_WAKEUP = 0x20;
export const TRANSFER_BULK = 2;
export const TRANSFER_INTERRUPT = 3;
export const ENDPOINT_IN = 0x80;

// HID, [HID] 7.2 and appendix B, E.3
export const CLASS_HID = 3;
export const SUBCLASS_BOOT = 1;
export const PROTOCOL_KEYBOARD = 1;
export const PROTOCOL_MOUSE = 2;
export const HID_GET_REPORT = 0xa101;
export const HID_GET_IDLE = 0xa102;
export const HID_GET_PROTOCOL = 0xa103;
export const HID_SET_REPORT = 0x2109;
export const HID_SET_IDLE = 0x210a;
export const HID_SET_PROTOCOL = 0x210b;
export const HID_REPORT_INPUT = 1;
export const HID_REPORT_OUTPUT = 2;
export const IDLE_UNIT_NS = 4_000_000;

// Hub, [USB2] 11.24
export const CLASS_HUB = 9;
export const HUB_GET_DESCRIPTOR = 0xa006;
export const HUB_GET_STATUS = 0xa000;
export const HUB_CLEAR_FEATURE = 0x2001;
export const HUB_SET_FEATURE = 0x2003;
export const HUB_GET_PORT_STATUS = 0xa300;
export const HUB_CLEAR_PORT_FEATURE = 0x2301;
export const HUB_SET_PORT_FEATURE = 0x2303;
// Port status, table 11-21, and change, table 11-22: a change bit stands 16 above its status bit
export const PORT_CONNECTION = 1 << 0;
export const PORT_ENABLE = 1 << 1;
export const PORT_SUSPEND = 1 << 2;
export const PORT_RESET = 1 << 4;
export const PORT_POWER = 1 << 8;
export const PORT_LOW_SPEED = 1 << 9;
// Port features, table 11-17: 0..15 name a status bit, 16..31 a change bit
export const FEATURE_PORT_ENABLE = 1;
export const FEATURE_PORT_SUSPEND = 2;
export const FEATURE_PORT_RESET = 4;
export const FEATURE_PORT_POWER = 8;
export const FEATURE_C_PORT_CONNECTION = 16;
export const FEATURE_C_PORT_LAST = 20;

// Mass storage, [BOT] 3 and 5
export const CLASS_STORAGE = 8;
export const SUBCLASS_SCSI = 6;
export const PROTOCOL_BULK_ONLY = 0x50;
export const BOT_RESET = 0x21ff;
export const BOT_GET_MAX_LUN = 0xa1fe;
export const CBW_SIGNATURE = 0x4342_5355;
export const CBW_BYTES = 31;
export const CSW_SIGNATURE = 0x5342_5355;
export const CSW_BYTES = 13;
export const CSW_PASSED = 0;
export const CSW_FAILED = 1;
export const CSW_PHASE_ERROR = 2;
