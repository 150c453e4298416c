/**
 * The registers by which a DSDT learns what was plugged into PCI bus 0. [PCIHP] QEMU's docs/specs/acpi_pci_hotplug.rst.
 * 32 bits each, a bit a slot.
 */
export const PCI_HOTPLUG_PORT = 0xae00;
export const PCI_HOTPLUG_PORTS = 20;

export const PCI_UP = 0x00; //   RO   plugged in since the last read
export const PCI_DOWN = 0x04; // RO   the user wants to take it out, until it is ejected
export const PCI_EJ = 0x08; //   WO   the guest lets go of these slots
export const PCI_RMV = 0x0c; //  RO   what is in these slots can be taken out
export const PCI_SEL = 0x10; //  RW   the bus that the other registers are about: 0 is all there is
