/** Where the window was and how big, kept in the data folder. A place that is on no screen any more is not gone back to. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface WindowState {
  readonly bounds: Rectangle;
  readonly maximized: boolean;
}

const MIN_VISIBLE_PIXELS = 100;

const coordinate = z.int().min(-100_000).max(100_000);
const schema = z.object({
  bounds: z.object({ x: coordinate, y: coordinate, width: coordinate, height: coordinate }),
  maximized: z.boolean(),
}) satisfies z.ZodType<WindowState>;

/** Undefined on the first start, and for a file that means nothing. */
export function readWindowState(path: string): WindowState | undefined {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Whether enough of the window's top edge is on a screen to take hold of it. */
export function isReachable(bounds: Rectangle, screens: readonly Rectangle[]): boolean {
  return screens.some((screen) => {
    const visible = Math.min(bounds.x + bounds.width, screen.x + screen.width) - Math.max(bounds.x, screen.x);
    return visible >= MIN_VISIBLE_PIXELS && bounds.y >= screen.y && bounds.y < screen.y + screen.height;
  });
}
