/** The window of one virtual machine: its toolbar, console, serial port and details. */
import { expect, type Locator, type Page } from '@playwright/test';
import { CpuPage } from './cpu-page.ts';
import { HardwarePage } from './hardware-page.ts';
import { ManagerPage } from './manager-page.ts';

/** Guests are emulated: what a person waits for may take this long on a busy machine. */
export const GUEST_MS = 120_000;
/** A person's typing. Faster than a guest reads its keyboard, keys would be lost, as they are on a real machine. */
const KEY_DELAY_MS = 60;
/** Characters that take Shift on the keyboard of a PC as sold in the US. */
const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;

export class VmWindow {
  readonly page: Page;
  readonly name: string;
  readonly toolbar: Locator;
  readonly display: Locator;
  readonly serialPort: Locator;

  constructor(page: Page, name: string) {
    this.page = page;
    this.name = name;
    this.toolbar = page.getByRole('toolbar', { name: 'Virtual machine' });
    this.display = page.getByRole('region', { name: `Display of ${name}` });
    this.serialPort = page.getByRole('region', { name: `Serial port of ${name}` });
  }

  async shown(): Promise<this> {
    await expect(this.page.getByRole('heading', { name: this.name, level: 1 })).toBeVisible();
    return this;
  }

  button(name: 'Run' | 'Pause' | 'Shut Down' | 'Force Reset' | 'Force Off'): Locator {
    return this.toolbar.getByRole('button', { name, exact: true });
  }

  async expectState(state: 'Running' | 'Paused' | 'Shutoff' | 'Crashed', timeout = GUEST_MS): Promise<this> {
    await expect(this.page.getByRole('banner').getByText(state, { exact: true })).toBeVisible({ timeout });
    return this;
  }

  async run(): Promise<this> {
    await this.button('Run').click();
    return this.expectState('Running');
  }

  async pause(): Promise<this> {
    await this.button('Pause').click();
    return this.expectState('Paused');
  }

  async resume(): Promise<this> {
    await this.display.getByRole('button', { name: 'Resume' }).click();
    return this.expectState('Running');
  }

  async reset(): Promise<this> {
    await this.button('Force Reset').click();
    return this;
  }

  async forceOff(): Promise<this> {
    await this.button('Force Off').click();
    return this.expectState('Shutoff');
  }

  /** Presses the guest's power button. */
  async shutDown(): Promise<this> {
    await this.button('Shut Down').click();
    return this;
  }

  async show(tab: 'Console' | 'Serial' | 'Details'): Promise<this> {
    await this.page.getByRole('tab', { name: tab, exact: true }).click();
    return this;
  }

  async showCpus(): Promise<CpuPage> {
    await this.show('Details');
    await this.page.getByRole('tab', { name: 'CPUs', exact: true }).click();
    const page = new CpuPage(this.page);
    await expect(page.region).toBeVisible();
    return page;
  }

  /** A page of the details by its entry in the hardware list. */
  async showHardware(entry: string, title = entry): Promise<HardwarePage> {
    await this.show('Details');
    await this.page.getByRole('tab', { name: entry, exact: true }).click();
    return new HardwarePage(this.page, title).shown();
  }

  /** Address and port where viewers from outside may connect, as the log says. */
  async viewersPlace(): Promise<string> {
    await this.show('Details');
    await this.page.getByRole('tab', { name: 'Log', exact: true }).click();
    const line = this.page.getByRole('cell', { name: /VNC viewers may connect to/ }).first();
    return (await line.innerText()).replace(/.* /, '');
  }

  async addHardware(kind: string): Promise<Locator> {
    await this.show('Details');
    await this.page.getByRole('button', { name: 'Add Hardware' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Add hardware' });
    await dialog.getByRole('option', { name: kind, exact: true }).click();
    return dialog;
  }

  async back(): Promise<ManagerPage> {
    await this.page.getByRole('button', { name: 'Back to list' }).click();
    return new ManagerPage(this.page).shown();
  }

  /** The text in the guest's screen buffer, as the app's own screen reader shows it. */
  async screenText(): Promise<Locator> {
    await this.show('Console');
    const text = this.page.getByRole('region', { name: 'Text on the screen' });
    if (!(await text.isVisible())) await this.page.getByRole('button', { name: 'Read screen' }).click();
    return text.locator('pre');
  }

  async expectOnScreen(text: string | RegExp, timeout = GUEST_MS): Promise<this> {
    await expect(await this.screenText()).toContainText(text, { timeout });
    return this;
  }

  /** Clicks the screen and types on it, as a person would. */
  async typeOnScreen(text: string): Promise<this> {
    await this.show('Console');
    await this.display.locator('canvas').click();
    await expect(this.page.getByRole('application', { name: `Screen of ${this.name}` })).toBeVisible();
    for (const character of text) await this.#press(character);
    await this.page.keyboard.press('Enter');
    return this.release();
  }

  /** Keyboard and pointer come back from the guest by left Ctrl and Alt. */
  async release(): Promise<this> {
    await this.page.keyboard.down('ControlLeft');
    await this.page.keyboard.press('AltLeft');
    await this.page.keyboard.up('ControlLeft');
    await expect(this.page.getByRole('application', { name: `Screen of ${this.name}` })).toBeHidden();
    return this;
  }

  async expectOnSerial(text: string | RegExp, timeout = GUEST_MS): Promise<this> {
    await this.show('Serial');
    await expect(this.serialPort.getByRole('list')).toContainText(text, { timeout });
    return this;
  }

  async typeOnSerial(text: string): Promise<this> {
    await this.show('Serial');
    await this.serialPort.getByRole('textbox').focus();
    await this.page.keyboard.type(text, { delay: KEY_DELAY_MS });
    await this.page.keyboard.press('Enter');
    return this;
  }

  /** Keys, not characters: a guest sees Shift as a key of its own. */
  async #press(character: string): Promise<void> {
    const { keyboard } = this.page;
    const shifted = SHIFTED.test(character);
    if (shifted) await keyboard.down('Shift');
    await keyboard.press(character, { delay: KEY_DELAY_MS });
    if (shifted) await keyboard.up('Shift');
  }
}
