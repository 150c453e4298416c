/** The three channels between the preload and main. Nothing else is listened to. */
export const CALL_CHANNEL = 'vivarium:call';
export const EVENT_CHANNEL = 'vivarium:event';
export const STREAM_CHANNEL = 'vivarium:stream';
