/** The dialog that chooses a file of the host. P is the page it was opened from. */
import { dirname } from 'node:path';
import { expect, type Locator, type Page } from '@playwright/test';

export class FileChooser<P = unknown> {
  readonly dialog: Locator;
  readonly files: Locator;
  readonly path: Locator;
  readonly #opener: P;

  constructor(page: Page, title: string, opener: P) {
    this.dialog = page.getByRole('dialog', { name: title });
    this.files = this.dialog.getByRole('grid', { name: 'Files' });
    this.path = this.dialog.getByRole('textbox', { name: 'Path' });
    this.#opener = opener;
  }

  async shown(): Promise<this> {
    await expect(this.files).toBeVisible();
    return this;
  }

  /** Goes to the file's folder by its path, then picks the file in the list. */
  async pick(file: string): Promise<P> {
    await this.path.fill(dirname(file));
    await this.path.press('Enter');
    const name = file.slice(dirname(file).length + 1);
    await this.files.getByRole('row').filter({ hasText: name }).click();
    await expect(this.path).toHaveValue(file);
    return this.#choose();
  }

  /** Types the whole path. */
  async type(file: string): Promise<P> {
    await this.path.fill(file);
    return this.#choose();
  }

  async #choose(): Promise<P> {
    await this.dialog.getByRole('button', { name: 'Choose' }).click();
    await expect(this.dialog).toBeHidden();
    return this.#opener;
  }
}
