// Debian's packages as a source of files: finds, downloads and unpacks them, without root and without installing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function isDebianLike() {
  return process.platform === 'linux' && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
}

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (status === 0) return stdout;
  throw new Error(`${[command, ...args].join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** What the action threw, if it did. */
function problem(action) {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * apt on the host's sources. The host's own package lists are used where they know the package; else (fresh machine,
 * other architecture) lists are fetched into `folder`, which needs no root.
 */
export class Apt {
  #folder;
  #options = [];

  constructor(folder) {
    this.#folder = folder;
  }

  /** Makes sure that `name` can be looked up. @throws when no list has it */
  require(name, architecture) {
    const native = run('dpkg', ['--print-architecture']).trim() === architecture;
    if (native && this.#knows(name)) return;
    const lists = join(this.#folder, 'apt');
    for (const part of ['lists/partial', 'archives/partial']) mkdirSync(join(lists, part), { recursive: true });
    this.#options = [
      `Dir::State::Lists=${lists}/lists`,
      `Dir::Cache=${lists}`,
      `APT::Architecture=${architecture}`,
      `APT::Architectures=${architecture}`,
      'APT::Sandbox::User=root',
    ].flatMap((option) => ['-o', option]);
    const failed = problem(() => run('apt-get', [...this.#options, 'update']));
    // One source of several may fail; what matters is whether the package is known now.
    if (!this.#knows(name)) throw failed ?? new Error(`no package ${name} in the lists of /etc/apt/sources.list*`);
  }

  #knows(name) {
    return problem(() => this.#show(name)) === undefined;
  }

  #show(name) {
    return run('apt-cache', [...this.#options, 'show', '--no-all-versions', name]);
  }

  /** The first package that `name` depends on and whose name matches: how a meta package leads to the real one. */
  dependency(name, pattern) {
    const depends = /^Depends: (.*)$/m.exec(this.#show(name))?.[1] ?? '';
    const found = depends.split(/[,|]/).map((item) => item.trim().split(' ')[0]);
    const match = found.find((item) => pattern.test(item));
    if (!match) throw new Error(`${name} depends on nothing like ${pattern}: "${depends}"`);
    return match;
  }

  /** The version that would be downloaded. */
  version(name) {
    return /^Version: (.*)$/m.exec(this.#show(name))?.[1] ?? '';
  }

  /** Downloads the package and unpacks it; returns the folder, which is the caller's to delete. */
  unpack(name) {
    const folder = mkdtempSync(join(this.#folder, 'unpack-'));
    try {
      run('apt-get', [...this.#options, '-o', 'APT::Sandbox::User=root', 'download', name], folder);
      const deb = readdirSync(folder).find((file) => file.endsWith('.deb'));
      unpackDeb(join(folder, deb), folder);
      return folder;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

/** Unpacks a .deb file into a folder, with dpkg-deb or, where that is not, with a tar that knows xz or zstd. */
export function unpackDeb(deb, folder) {
  if (existsSync('/usr/bin/dpkg-deb')) {
    run('dpkg-deb', ['-x', deb, folder]);
    return;
  }
  const { name, data } = arMember(readFileSync(deb), 'data.tar');
  const tarball = join(folder, name);
  writeFileSync(tarball, data);
  run('tar', ['-xf', tarball, '-C', folder]);
  rmSync(tarball);
}

/** The first member of an ar archive whose name starts so. [ar(5)]: 8 bytes of magic, headers of 60, even offsets. */
function arMember(archive, start) {
  for (let at = 8; at + 60 <= archive.length; ) {
    const name = archive
      .toString('latin1', at, at + 16)
      .trim()
      .replace(/\/$/, '');
    const size = Number(archive.toString('latin1', at + 48, at + 58));
    if (name.startsWith(start)) return { name, data: archive.subarray(at + 60, at + 60 + size) };
    at += 60 + size + (size & 1);
  }
  throw new Error(`not a Debian package: it has no ${start}`);
}
