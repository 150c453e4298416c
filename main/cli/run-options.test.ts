import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRunOptions, UsageError } from './run-options.ts';

describe('viv run options', () => {
  it('take a kernel and defaults for the rest', () => {
    expect(parseRunOptions(['--kernel', 'k'])).toEqual({
      machine: 'pc',
      boot: { kernel: resolve('k'), cmdline: '' },
      disks: [],
      inputs: [],
      memoryMiB: 512,
      stats: false,
    });
  });

  it('take everything', () => {
    const text = '--kernel /k --initrd /i --memory 64 --timeout 9 --screenshot /s.png --stats --stats-every 5';
    expect(parseRunOptions([...text.split(' '), '--append', 'console=ttyS0 quiet'])).toEqual({
      machine: 'pc',
      boot: { kernel: '/k', initrd: '/i', cmdline: 'console=ttyS0 quiet' },
      disks: [],
      inputs: [],
      memoryMiB: 64,
      timeoutSeconds: 9,
      screenshot: '/s.png',
      stats: true,
      statsEverySeconds: 5,
    });
  });

  it('take firmware and drives, on the buses of the machine type', () => {
    const text = '--machine q35 --firmware /fw --nvram /vars --cdrom /c --disk /a --disk /b --floppy /f --debugcon -';
    expect(parseRunOptions(text.split(' '))).toEqual({
      machine: 'q35',
      firmware: { kind: 'image', path: '/fw', nvram: '/vars' },
      debugConsole: '-',
      inputs: [],
      disks: [
        { target: 'sda', device: 'disk', bus: 'sata', source: '/a', format: 'raw', readOnly: false, bootOrder: 3 },
        { target: 'sdb', device: 'disk', bus: 'sata', source: '/b', format: 'raw', readOnly: false, bootOrder: 4 },
        { target: 'sdc', device: 'cdrom', bus: 'sata', source: '/c', format: 'raw', readOnly: true, bootOrder: 1 },
        { target: 'fda', device: 'floppy', bus: 'fdc', source: '/f', format: 'raw', readOnly: false, bootOrder: 2 },
      ],
      memoryMiB: 512,
      stats: false,
    });
    const targets = (args: string) => {
      const options = parseRunOptions(args.split(' '));
      return options === 'help' ? [] : options.disks.map(({ target, bus }) => `${bus} ${target}`);
    };
    expect(targets('--disk a --cdrom b')).toEqual(['ide hda', 'ide hdb']);
    expect(targets('--bus sata --disk a')).toEqual(['sata sda']);
  });

  it('take a USB controller with what is plugged in, a monitor and a boot menu', () => {
    expect(
      parseRunOptions(
        '--cdrom c --usb qemu-xhci --input tablet --input keyboard --monitor /m --vnc 5901 --boot-menu 3000'.split(' '),
      ),
    ).toMatchObject({
      usb: 'qemu-xhci',
      inputs: [
        { type: 'tablet', bus: 'usb' },
        { type: 'keyboard', bus: 'usb' },
      ],
      monitor: '/m',
      vncPort: 5901,
      bootMenuMs: 3000,
    });
  });

  it('take a CPU model with features more and less', () => {
    const cpu = (text: string) => {
      const options = parseRunOptions(['--kernel', 'k', '--cpu', text]);
      return options === 'help' ? undefined : options.cpu;
    };
    expect(cpu('maximum')).toMatchObject({ mode: 'maximum', features: [] });
    expect(cpu('Haswell-noTSX,+rdpid,-sse4.1')).toEqual({
      mode: 'custom',
      model: 'Haswell-noTSX',
      fallback: 'allow',
      check: 'partial',
      features: [
        { name: 'rdpid', policy: 'require' },
        { name: 'sse4.1', policy: 'disable' },
      ],
    });
  });

  it('show help whatever else is there', () => {
    expect(parseRunOptions(['--help'])).toBe('help');
    expect(parseRunOptions(['--memory', 'x', '-h'])).toBe('help');
  });

  it.each<[string, RegExp]>([
    ['--initrd i', /for a --kernel/],
    ['--memory 64', /nothing to boot: give a --kernel, --disk/],
    ['--nvram n', /for a --firmware/],
    ['--machine isapc', /no machine type 'isapc'; there are pc and q35/],
    ['--disk a --disk b --disk c --disk d --cdrom e', /ide has room for 4 drives/],
    ['--machine q35 --bus ide --disk d', /--bus 'ide' is none of sata/],
    ['--boot-menu 65536', /--boot-menu '65536' is not a whole number of ms from 0 to 65535/],
    ['--usb ohci', /--usb 'ohci' is none of piix3-uhci, ich9-ehci1, qemu-xhci/],
    ['--input joystick', /--input 'joystick'/],
    ['--kernel k --memory 0', /--memory '0' is not a whole number of MiB from 1 to/],
    ['--kernel k --memory 1048576', /from 1 to 3584/],
    ['--kernel k --memory 1e3', /whole number/],
    ['--kernel k --timeout -5', /timeout/],
    ['--kernel k --stats-every 0', /--stats-every '0' is not a whole number of seconds/],
    ['--kernel k --cpu Z80', /no CPU model 'Z80'; viv cpu-models/],
    ['--kernel k --cpu EPYC,avx', /'avx' is neither/],
    ['--kernel k --nonsense', /--nonsense/],
    ['--kernel k stray', /stray/],
  ])('refuse "%s"', (line, message) => {
    const parse = () => parseRunOptions(line === '' ? [] : line.split(' '));
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
  });
});
