/** The CPUs page in the details of a virtual machine. */
import { expect, type Locator, type Page } from '@playwright/test';

export class CpuPage {
  readonly page: Page;
  readonly region: Locator;
  readonly model: Locator;
  readonly copyHost: Locator;
  readonly apply: Locator;

  constructor(page: Page) {
    this.page = page;
    this.region = page.getByRole('region', { name: 'CPU configuration' });
    this.model = this.region.getByRole('button', { name: 'Model' });
    this.copyHost = this.region.getByRole('checkbox', { name: /Copy host CPU configuration/ });
    this.apply = this.region.getByRole('button', { name: 'Apply' });
  }

  /** By the keyboard alone: opens the list, types the name's beginning, takes it. */
  async chooseByKeyboard(model: string): Promise<this> {
    await this.model.focus();
    await this.page.keyboard.press('Enter');
    await expect(this.page.getByRole('listbox')).toBeVisible();
    await this.page.keyboard.type(model);
    await this.page.keyboard.press('Enter');
    return this.expectModel(model);
  }

  async expectModel(model: string): Promise<this> {
    await expect(this.model).toContainText(model);
    return this;
  }

  async save(): Promise<this> {
    await this.apply.focus();
    await this.page.keyboard.press('Enter');
    await expect(this.apply).toHaveAttribute('aria-disabled', 'true');
    return this;
  }
}
