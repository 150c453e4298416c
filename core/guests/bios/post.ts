/**
 * The 32-bit part of the power-on self test: RAM behind the BIOS's own addresses, memory sizes, MTRRs, PCI, tables, the
 * display's ROM. Runs once, from 0xe0000 on; goes on at `start16`.
 * [440FX] and [Q35] data sheets (PAM), [SDM] volume 3, 12.11 (MTRRs), [PCIFW] option ROMs.
 */
export const post = `
  bits 32
post_entry:
  mov eax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  movzx ebp, bl                 ; how the processor was shut down
  ; this code runs below 4 GiB. PAM: RAM answers from C0000h on, reads and writes
  mov esi, 0x59
  mov edx, PCI_ADDRESS
  mov eax, 0x80000000
  out dx, eax
  mov edx, PCI_DATA
  in eax, dx
  cmp eax, 0x29c08086
  jne .pam
  mov esi, 0x90
.pam:
  mov ecx, 7
  mov bl, 0x30
.next_pam:
  mov eax, esi
  and eax, 0xfc
  or eax, 0x80000000
  mov edx, PCI_ADDRESS
  out dx, eax
  mov edx, esi
  and edx, 3
  add edx, PCI_DATA
  mov al, bl
  out dx, al
  mov bl, 0x33
  inc esi
  dec ecx
  jnz .next_pam
  cmp ebp, 0xfe
  je resume
post_start:
  mov esi, 0xfffe0000
  mov edi, POST_LINEAR
  mov ecx, 0x8000
  cld
  rep movsd
  mov eax, .low
  jmp eax
.low:
  mov esp, P_STACK
  lgdt [low_gdtr]
  mov edi, P_STACK
  mov ecx, 0x400
  xor eax, eax
  rep stosd
  mov edi, EBDA_LINEAR
  mov ecx, EBDA_KIB * 256
  rep stosd
  ; segment C000h to E000h is free
  mov edi, 0xc0000
  mov ecx, 0x8000
  rep stosd
  mov dword [P_FSEG], fseg_pool
  call fw_start
  call memory_size
  call start_mtrrs
  call start_apic
  call pci_start
  call load_tables
  call find_facs
  call load_smbios
  call make_mp_table
  call memory_map
  call read_boot_order
  call read_menu_settings
  call load_display_rom
  ; to 16-bit segments
  mov eax, 0x20
  mov ds, ax
  mov es, ax
  mov ss, ax
  jmp far 0x18:start16

; LOW_RAM, and where PCI's memory can be
memory_size:
  ; [CMOS] 34h, 35h: 64-KiB blocks above 16 MiB; 30h, 31h: KiB above 1 MiB
  mov ah, 0x35
  call cmos_word
  shl eax, 16
  jz .small
  add eax, 0x1000000
  jmp .there
.small:
  mov ah, 0x31
  call cmos_word
  shl eax, 10
  add eax, 0x100000
.there:
  mov [EBDA_LINEAR+LOW_RAM], eax
  mov [P_HIGH_TOP], eax
  mov dword [P_MEMORY], 0xc0000000
  mov dword [P_MEMORY_END], 0xfec00000
  mov dword [EBDA_LINEAR+ECAM], 0xb0000000
  cmp eax, 0xb0000000
  jbe .ret
  ; no room below 3 GiB
  mov dword [P_MEMORY_END], 0xe0000000
  mov dword [EBDA_LINEAR+ECAM], 0xe0000000
  cmp eax, 0xc0000000
  jbe .is_q35
  mov dword [P_MEMORY], 0xe0000000
  mov dword [P_MEMORY_END], 0xfec00000
.is_q35:
  mov eax, 0x80000000
  mov edx, PCI_ADDRESS
  out dx, eax
  mov edx, PCI_DATA
  in eax, dx
  cmp eax, 0x29c08086
  je .ret
  mov dword [P_MEMORY_END], 0xfec00000
.ret:
  ret
; EAX = CMOS bytes AH and AH - 1
cmos_word:
  mov al, ah
  out CMOS_INDEX, al
  in al, CMOS_DATA
  xchg al, ah
  dec al
  out CMOS_INDEX, al
  in al, CMOS_DATA
  movzx eax, ax
  ret

; RAM is write-back; the first MiB's windows and all from PCI's memory on are not cached
start_mtrrs:
  mov eax, 1
  cpuid
  test dh, 0x10
  jz .ret
  mov ecx, 0xfe
  rdmsr
  test ah, 1                    ; fixed ranges
  jz .ret
  cmp al, 1
  jb .ret
  xor eax, eax
  xor edx, edx
  mov ecx, 0x2ff
  wrmsr
  mov esi, fixed_mtrrs
.next:
  mov ecx, [esi]
  test ecx, ecx
  jz .variable
  mov eax, [esi+4]
  mov edx, eax
  wrmsr
  add esi, 8
  jmp .next
.variable:
  mov eax, 0x80000000
  cpuid
  mov ebx, 0xf                  ; 36 bits
  cmp eax, 0x80000008
  jb .mask
  mov eax, 0x80000008
  cpuid
  movzx ecx, al
  sub ecx, 32
  mov ebx, 1
  shl ebx, cl
  dec ebx
.mask:
  mov eax, 0xc0000000
  cmp [EBDA_LINEAR+LOW_RAM], eax
  jbe .base
  mov eax, 0xe0000000
.base:
  push eax
  xor edx, edx
  mov ecx, 0x200
  wrmsr
  pop eax
  or eax, 0x800
  mov edx, ebx
  mov ecx, 0x201
  wrmsr
  mov eax, 0xc06
  xor edx, edx
  mov ecx, 0x2ff
  wrmsr
.ret:
  ret
  align 4
fixed_mtrrs:
  dd 0x250, 0x06060606, 0x258, 0x06060606, 0x259, 0
  dd 0x268, 0x06060606, 0x269, 0x06060606, 0x26a, 0x06060606, 0x26b, 0x06060606
  dd 0x26c, 0x06060606, 0x26d, 0x06060606, 0x26e, 0x06060606, 0x26f, 0x06060606
  dd 0

; virtual wire mode, [MP] 3.6.2.2: the local APIC hands on the 8259A's interrupts and NMI
start_apic:
  mov eax, 1
  cpuid
  test dh, 2
  jz .ret
  mov eax, [0xfee000f0]         ; spurious interrupt vector register: enabled
  or eax, 0x1ff
  mov [0xfee000f0], eax
  mov dword [0xfee00350], 0x8700
  mov dword [0xfee00360], 0x8400
.ret:
  ret

; the VGA BIOS to C0000h: the card's own, or ours
load_display_rom:
  movzx ebx, word [EBDA_LINEAR+VGA_BDF]
  cmp bx, -1
  je .ours
  shl ebx, 8
  or ebx, 0x80000000
  mov ecx, 0x30
  call pci_read
  mov esi, eax
  and esi, 0xfffff800
  jz .ours
  push eax
  or al, 1
  call pci_write
  xor edx, edx
  cmp word [esi], 0xaa55
  jne .closed
  ; [PCIFW] data structure: code for this kind of machine
  movzx eax, word [esi+0x18]
  cmp dword [esi+eax], 0x52494350
  jne .closed
  cmp byte [esi+eax+0x14], 0
  jne .closed
  movzx ecx, byte [esi+2]
  cmp ecx, 0x80
  ja .closed
  shl ecx, 7
  mov edi, 0xc0000
  rep movsd
  inc edx
.closed:
  pop eax
  mov ecx, 0x30
  call pci_write
  test edx, edx
  jnz .ret
.ours:
  mov esi, vga_image
  mov edi, 0xc0000
  mov ecx, vga_image_dwords
  rep movsd
  call load_edid
.ret:
  ret

; the standard VGA's EDID lies in the first KiB of its register window; a copy for VBE
load_edid:
  movzx ebx, word [EBDA_LINEAR+VGA_BDF]
  cmp bx, -1
  je .ret
  shl ebx, 8
  or ebx, 0x80000000
  mov ecx, 0x18
  call pci_read
  test al, 1
  jnz .ret
  mov esi, eax
  and esi, 0xfffffff0
  jz .ret
  cmp dword [esi], 0xffffff00
  jne .ret
  cmp dword [esi+4], 0x00ffffff
  jne .ret
  mov edi, vga_edid
  mov ecx, 64
  rep movsd
.ret:
  ret
`;
