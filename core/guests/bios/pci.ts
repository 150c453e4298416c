/**
 * PCI in 32-bit code: every function gets its registers' addresses and its interrupt; bridges get buses and windows. What
 * the chips of the board need beyond that. [PCI] Local Bus 3.0, 6.2.5; [PCIBRIDGE] 1.2, 3.2.5; [PIIX3], [PIIX4], [ICH9],
 * [Q35] data sheets.
 */
export const pci = `
; EAX = register ECX of function EBX
pci_read:
  push edx
  lea eax, [ebx+ecx]
  mov edx, PCI_ADDRESS
  out dx, eax
  mov edx, PCI_DATA
  in eax, dx
  pop edx
  ret
pci_write:
  push edx
  push eax
  lea eax, [ebx+ecx]
  mov edx, PCI_ADDRESS
  out dx, eax
  pop eax
  mov edx, PCI_DATA
  out dx, eax
  pop edx
  ret
; byte AL to register ECX
pci_write_byte:
  push edx
  push eax
  lea eax, [ebx+ecx]
  and al, 0xfc
  mov edx, PCI_ADDRESS
  out dx, eax
  pop eax
  mov edx, ecx
  and edx, 3
  add edx, PCI_DATA
  out dx, al
  pop edx
  ret

; all functions, from bus 0 on
pci_start:
  mov byte [P_BUS], 0
  mov dword [P_ADDEND], 0
  mov dword [P_IO], 0xc000
  mov word [EBDA_LINEAR+VGA_BDF], -1
  mov ebx, 0x80000000
  call pci_bus
  mov al, [P_BUS]
  mov [EBDA_LINEAR+PCI_LAST_BUS], al
  ret

; the functions of the bus of EBX
pci_bus:
  pushad
.function:
  xor ecx, ecx
  call pci_read
  cmp ax, 0xffff
  je .absent
  call pci_chip
  mov ecx, 0x0c
  call pci_read
  shr eax, 16
  push eax
  and al, 0x7f
  jz .plain
  dec al
  jnz .next
  mov edx, 0x18
  mov ecx, 0x38
  call pci_bars
  call pci_interrupt
  call pci_bridge
  jmp .next
.plain:
  mov edx, 0x28
  mov ecx, 0x30
  call pci_bars
  call pci_interrupt
  call pci_display
.next:
  pop eax
  test ebx, 0x700               ; only function 0 tells whether there are more
  jnz .step
  test al, 0x80
  jnz .step
  or ebx, 0x700                 ; the only function
  jmp .step
.absent:
  test ebx, 0x700
  jnz .step
  or ebx, 0x700
.step:
  add ebx, 0x100
  test ebx, 0xff00
  jnz .function
  popad
  ret

; base addresses of EBX from 10h to before EDX, the ROM's at ECX; then the function decodes
pci_bars:
  pushad
  push ecx
  mov ecx, 0x10
.next:
  cmp ecx, edx
  jae .rom
  mov eax, -1
  call pci_write
  call pci_read
  test eax, eax
  jz .skip
  test al, 1
  jz .memory
  or eax, 0xffff0000
  and al, 0xfc
  neg eax                       ; size
  mov esi, P_IO
  mov ebp, 0x10000
  call pci_allocate
  call pci_write
.skip:
  add ecx, 4
  jmp .next
.memory:
  mov edi, eax
  and eax, 0xfffffff0
  neg eax
  mov esi, P_MEMORY
  mov ebp, [P_MEMORY_END]
  test eax, eax                 ; 4 GiB and more: not for us
  jz .low
  call pci_allocate
.low:
  call pci_write
  and edi, 6
  cmp edi, 4
  jne .skip
  add ecx, 4
  xor eax, eax
  call pci_write
  jmp .skip
.rom:
  pop ecx
  mov eax, 0xfffff800
  call pci_write
  call pci_read
  and eax, 0xfffff800
  jz .command
  neg eax
  mov esi, P_MEMORY
  mov ebp, [P_MEMORY_END]
  call pci_allocate
  call pci_write
.command:
  ; I/O and memory; drives' controllers may also read and write memory
  mov ecx, 8
  call pci_read
  shr eax, 24
  cmp al, 1
  mov ecx, 4
  call pci_read
  movzx eax, ax
  mov edx, 3
  jne .set
  mov edx, 7
.set:
  or eax, edx
  call pci_write
  popad
  ret

; EAX = a place of EAX bytes at the cursor ESI, before EBP; 0 when there is none
pci_allocate:
  push edx
  push edi
  cmp esi, P_MEMORY
  mov edx, eax
  jne .align
  cmp edx, 0x1000
  jae .align
  mov edx, 0x1000               ; pages are not shared
.align:
  mov edi, edx
  dec edi
  mov eax, [esi]
  add eax, edi
  jc .none
  not edi
  and eax, edi
  add edx, eax
  jc .none
  cmp edx, ebp
  ja .none
  mov [esi], edx
  jmp .ret
.none:
  xor eax, eax
.ret:
  pop edi
  pop edx
  ret

; the interrupt of EBX, by device and pin: INTA to INTD of the board lead to 10, 10, 11, 11
pci_interrupt:
  pushad
  mov ecx, 0x3c
  call pci_read
  movzx edx, ah
  test edx, edx
  jz .ret
  dec edx
  mov eax, ebx
  shr eax, 11
  and eax, 31
  cmp byte [EBDA_LINEAR+IS_Q35], 0
  je .piix
  cmp dword [P_ADDEND], 0
  jne .add
  cmp al, 25
  jb .add
  xor eax, eax                  ; devices of the ICH9 are not rotated
  jmp .add
.piix:
  test ebx, 0xff0000
  jnz .add
  dec eax
.add:
  add edx, eax
  add edx, [P_ADDEND]
  and edx, 3
  mov al, 10
  cmp edx, 2
  jb .set
  mov al, 11
.set:
  push eax
  xor ecx, ecx
  call pci_read
  cmp eax, 0x71138086           ; the PIIX4's power management has its own, IRQ 9
  pop eax
  jne .line
  mov al, 9
.line:
  mov ecx, 0x3c
  call pci_write_byte
.ret:
  popad
  ret

; bridge EBX: the bus behind it, then its windows
pci_bridge:
  pushad
  mov ecx, 0x18
  inc byte [P_BUS]
  movzx eax, byte [P_BUS]
  mov edx, eax
  shl eax, 8
  or eax, 0xff0000
  mov esi, ebx
  shr esi, 16
  and esi, 0xff
  or eax, esi
  call pci_write
  mov eax, 0x100000
  call .align_memory
  mov eax, 0x1000
  call .align_io
  push dword [P_MEMORY]
  push dword [P_IO]
  push dword [P_ADDEND]
  push ebx
  mov eax, ebx
  shr eax, 11
  and eax, 31
  add [P_ADDEND], eax
  mov ebx, edx
  shl ebx, 16
  or ebx, 0x80000000
  call pci_bus
  pop ebx
  pop dword [P_ADDEND]
  mov eax, 0x100000
  call .align_memory
  mov eax, 0x1000
  call .align_io
  pop esi
  pop edi
  ; I/O, empty when base is above limit
  mov eax, [P_IO]
  dec eax
  and eax, 0xf000
  shr esi, 8
  or eax, esi
  mov ecx, 0x1c
  call pci_write
  mov eax, [P_MEMORY]
  dec eax
  and eax, 0xfff00000
  shr edi, 16
  or eax, edi
  mov ecx, 0x20
  call pci_write
  mov eax, 0x0000fff0
  mov ecx, 0x24
  call pci_write
  mov ecx, 0x30
  xor eax, eax
  call pci_write
  mov al, [P_BUS]
  mov ecx, 0x1a
  call pci_write_byte
  mov al, 7
  mov ecx, 4
  call pci_write_byte
  popad
  ret
.align_memory:
  mov esi, P_MEMORY
  jmp .align
.align_io:
  mov esi, P_IO
.align:
  dec eax
  add [esi], eax
  not eax
  and [esi], eax
  ret

; the first display is the one that INT 10h drives
pci_display:
  pushad
  mov ecx, 8
  call pci_read
  shr eax, 16
  cmp ax, 0x0300
  jne .ret
  cmp word [EBDA_LINEAR+VGA_BDF], -1
  jne .ret
  mov eax, ebx
  shr eax, 8
  mov [EBDA_LINEAR+VGA_BDF], ax
.ret:
  popad
  ret

; what chip EAX (function EBX) needs
pci_chip:
  pushad
  mov esi, chip_table
.next:
  mov edx, [esi]
  test edx, edx
  jz .ret
  cmp eax, edx
  je .found
  add esi, 8
  jmp .next
.found:
  call dword [esi+4]
.ret:
  popad
  ret
  align 4
chip_table:
  dd 0x29c08086, chip_q35
  dd 0x70008086, chip_piix3
  dd 0x70108086, chip_ide
  dd 0x71118086, chip_ide
  dd 0x71138086, chip_piix4_pm
  dd 0x29188086, chip_ich9
  dd 0x29308086, chip_ich9_smbus
  dd 0

; [Q35] PCIEXBAR: 256 MiB of configuration space in memory
chip_q35:
  mov byte [EBDA_LINEAR+IS_Q35], 1
  xor eax, eax
  mov ecx, 0x64
  call pci_write
  mov eax, [EBDA_LINEAR+ECAM]
  or al, 1
  mov ecx, 0x60
  jmp pci_write
; [PIIX3] PIRQRC: to IRQ 10 and 11, which are level-triggered
chip_piix3:
  mov eax, 0x0b0b0a0a
  mov ecx, 0x60
  call pci_write
set_elcr:
  mov edx, 0x4d0
  xor eax, eax
  out dx, al
  inc edx
  mov al, 0x0c
  out dx, al
  ret
; [PIIX3] IDETIM: both channels decode
chip_ide:
  mov eax, 0x80008000
  mov ecx, 0x40
  jmp pci_write
; [PIIX4] PMBA, PMREGMISC, SMBBA, SMBHSTCFG; its interrupt is 9
chip_piix4_pm:
  mov eax, 0x601
  mov ecx, 0x40
  call pci_write
  mov al, 1
  mov ecx, 0x80
  call pci_write_byte
  mov eax, 0x701
  mov ecx, 0x90
  call pci_write
  mov al, 9
  mov ecx, 0xd2
  jmp pci_write_byte
; [ICH9] PIRQA to H, PMBASE, ACPI_CNTL, RCBA
chip_ich9:
  mov eax, 0x0b0b0a0a
  mov ecx, 0x60
  call pci_write
  mov ecx, 0x68
  call pci_write
  mov eax, 0x601
  mov ecx, 0x40
  call pci_write
  mov al, 0x80
  mov ecx, 0x44
  call pci_write_byte
  mov eax, 0xfed1c001
  mov ecx, 0xf0
  call pci_write
  jmp set_elcr
; [ICH9] HOSTC
chip_ich9_smbus:
  mov al, 1
  mov ecx, 0x40
  jmp pci_write_byte
`;
