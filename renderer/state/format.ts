/** Figures as a person reads them: numbers in English like the words around them, dates as the reader's locale has them. */

const WHOLE = new Intl.NumberFormat('en');
const ONE_DECIMAL = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

export const formatCount = (count: number): string => WHOLE.format(count);

/** 512 -> "512 MiB", 1536 -> "1.5 GiB". */
export function formatMiB(mebibytes: number): string {
  return mebibytes < 1024 ? `${WHOLE.format(mebibytes)} MiB` : `${ONE_DECIMAL.format(mebibytes / 1024)} GiB`;
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${(unit === 0 ? WHOLE : ONE_DECIMAL).format(value)} ${units[unit]}`;
}

/** 59 -> "0:59", 3723 -> "1:02:03", 90061 -> "1 d 1:01:01". */
export function formatUptime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  const clock = `${two(minutes)}:${two(whole % 60)}`;
  if (days > 0) return `${days} d ${hours}:${clock}`;
  return hours > 0 ? `${hours}:${clock}` : clock.replace(/^0/, '');
}

/** Share of one core: "0 %", "0.4 %", "37 %". */
export function formatPercent(percent: number): string {
  const clamped = Math.min(100, Math.max(0, percent));
  return `${(clamped > 0 && clamped < 10 ? ONE_DECIMAL : WHOLE).format(clamped < 10 ? clamped : Math.round(clamped))} %`;
}

export const formatDateTime = (timeMs: number): string => DATE_TIME.format(timeMs);
export const formatTime = (timeMs: number): string => TIME.format(timeMs);

/** A name for a downloaded picture that sorts by time and is legal on every file system. */
export function screenshotFileName(vmName: string, now: Date): string {
  const stamp = [
    now.getFullYear(),
    ...[now.getMonth() + 1, now.getDate(), now.getHours(), now.getMinutes(), now.getSeconds()].map((part) =>
      String(part).padStart(2, '0'),
    ),
  ];
  const safeName = [...vmName].map((char) => (/[\\/:*?"<>|]/.test(char) || char < ' ' ? '_' : char)).join('');
  return `${safeName} ${stamp.slice(0, 3).join('-')} ${stamp.slice(3).join('.')}.png`;
}
