/** The manager window: the list of virtual machines. */
import { expect, type Locator, type Page } from '@playwright/test';
import { NewVmWizard, type WizardSource } from './new-vm-wizard.ts';
import { VmWindow } from './vm-window.ts';

export class ManagerPage {
  readonly page: Page;
  readonly list: Locator;
  readonly toolbar: Locator;

  constructor(page: Page) {
    this.page = page;
    this.list = page.getByRole('treegrid', { name: 'Virtual machines' });
    this.toolbar = page.getByRole('toolbar', { name: 'Manager' });
  }

  static async open(page: Page, url: string): Promise<ManagerPage> {
    await page.goto(url);
    return new ManagerPage(page).shown();
  }

  async shown(): Promise<this> {
    await expect(this.list).toBeVisible();
    return this;
  }

  row(name: string): Locator {
    return this.list.getByRole('row').filter({ has: this.page.getByText(name, { exact: true }) });
  }

  async newVm(source: WizardSource = 'Direct kernel boot'): Promise<NewVmWizard> {
    await this.toolbar.getByRole('button', { name: 'New' }).click();
    return (await new NewVmWizard(this.page).shown()).from(source);
  }

  /** Drops a file from the desktop on the window. */
  async drop(name: string, bytes: Uint8Array): Promise<void> {
    const transfer = await this.page.evaluateHandle(
      ([fileName, content]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(content)], fileName));
        return data;
      },
      [name, [...bytes]] as const,
    );
    for (const event of ['dragover', 'drop']) await this.list.dispatchEvent(event, { dataTransfer: transfer });
  }

  async select(name: string): Promise<this> {
    await this.row(name).click();
    await expect(this.row(name)).toHaveAttribute('aria-selected', 'true');
    return this;
  }

  /** Opens the window of a VM as people do: by a double click. */
  async openVm(name: string): Promise<VmWindow> {
    await this.row(name).dblclick();
    return new VmWindow(this.page, name).shown();
  }

  async run(name: string): Promise<this> {
    await this.select(name);
    await this.toolbar.getByRole('button', { name: 'Run' }).click();
    return this.expectState(name, 'Running');
  }

  async delete(name: string): Promise<this> {
    await this.row(name).click({ button: 'right' });
    await this.page.getByRole('menuitem', { name: 'Delete…' }).click();
    const question = this.page.getByRole('alertdialog', { name: `Delete “${name}”?` });
    await question.getByRole('button', { name: 'Delete' }).click();
    await expect(question).toBeHidden();
    return this;
  }

  async expectState(name: string, state: string | RegExp): Promise<this> {
    await expect(this.row(name)).toContainText(state);
    return this;
  }
}
