/** A page of the details: fields, and the bar with Remove, Cancel and Apply. */
import { expect, type Locator, type Page } from '@playwright/test';
import { FileChooser } from './file-chooser.ts';

export class HardwarePage {
  readonly page: Page;
  readonly region: Locator;

  constructor(page: Page, title: string) {
    this.page = page;
    this.region = page.getByRole('region', { name: title, exact: true });
  }

  async shown(): Promise<this> {
    await expect(this.region).toBeVisible();
    return this;
  }

  button(name: string): Locator {
    return this.region.getByRole('button', { name, exact: true });
  }

  /** A checkbox by its label. */
  async check(label: string): Promise<this> {
    await this.region.getByText(label, { exact: true }).click();
    return this;
  }

  async choose(label: string, option: string): Promise<this> {
    await this.region.getByRole('button', { name: label }).click();
    await this.page.getByRole('option', { name: option, exact: true }).click();
    return this.expectChosen(label, option);
  }

  async expectChosen(label: string, option: string): Promise<this> {
    await expect(this.region.getByRole('button', { name: label })).toContainText(option);
    return this;
  }

  async apply(): Promise<this> {
    await this.button('Apply').click();
    await expect(this.button('Apply')).toHaveAttribute('aria-disabled', 'true');
    return this;
  }

  async cancel(): Promise<this> {
    await this.button('Cancel').click();
    await expect(this.button('Apply')).toHaveAttribute('aria-disabled', 'true');
    return this;
  }

  /** At once: it does not wait for Apply. */
  async putMedium(file: string, title = 'Choose an install medium'): Promise<this> {
    await this.region.getByRole('button', { name: /^(Connect|Change medium)/ }).click();
    await (await new FileChooser(this.page, title, this).shown()).type(file);
    await expect(this.region.getByRole('region', { name: 'Medium' })).toContainText(file);
    return this;
  }
}
