/** The dialog that makes a virtual machine, step by step. */
import { expect, type Locator, type Page } from '@playwright/test';
import { FileChooser } from './file-chooser.ts';
import { VmWindow } from './vm-window.ts';

export type WizardField =
  | 'ISO image'
  | 'Disk to install to'
  | 'Disk image'
  | 'Floppy image'
  | 'Kernel'
  | 'Initrd'
  | 'Command line'
  | 'Memory (MiB)'
  | 'CPUs'
  | 'Name';
export type WizardSource =
  | 'Local install media (ISO image)'
  | 'Import existing disk image'
  | 'Floppy image'
  | 'Direct kernel boot';

export class NewVmWizard {
  readonly page: Page;
  readonly dialog: Locator;

  constructor(page: Page) {
    this.page = page;
    this.dialog = page.getByRole('dialog', { name: 'New virtual machine' });
  }

  async shown(): Promise<this> {
    await expect(this.dialog).toBeVisible();
    return this;
  }

  field(name: WizardField): Locator {
    return this.dialog.getByRole('textbox', { name, exact: true });
  }

  button(name: 'Back' | 'Forward' | 'Finish' | 'Cancel'): Locator {
    return this.dialog.getByRole('button', { name });
  }

  async from(source: WizardSource): Promise<this> {
    await this.dialog.getByText(source, { exact: true }).click();
    await expect(this.dialog.getByRole('radio', { name: source })).toBeChecked();
    return this;
  }

  async fill(name: WizardField, value: string): Promise<this> {
    await this.field(name).fill(value);
    return this;
  }

  async browse(role: 'kernel' | 'initrd'): Promise<FileChooser> {
    await this.dialog.getByRole('button', { name: `Browse… ${role}` }).click();
    return new FileChooser(this.page, role === 'kernel' ? 'Choose a kernel' : 'Choose an initrd', this).shown();
  }

  /** Goes to the step with this number. */
  async forward(step: number): Promise<this> {
    await this.button('Forward').click();
    return this.expectStep(step);
  }

  async expectStep(step: number): Promise<this> {
    await expect(this.dialog).toContainText(`Step ${step} of 3`);
    return this;
  }

  /** Pressing Forward keeps this step, with a message beside the field. */
  async expectRefused(name: WizardField, message: RegExp): Promise<this> {
    await this.button('Forward').click();
    await expect(this.field(name)).toHaveAttribute('aria-invalid', 'true');
    await expect(this.field(name)).toHaveAccessibleDescription(message);
    return this;
  }

  async finish(name: string): Promise<VmWindow> {
    await this.fill('Name', name);
    await this.button('Finish').click();
    await expect(this.dialog).toBeHidden();
    return new VmWindow(this.page, name).shown();
  }

  async cancel(): Promise<void> {
    await this.button('Cancel').click();
    await expect(this.dialog).toBeHidden();
  }
}
