/**
 * What the board's firmware interface brings or asks for: ACPI tables by the loader script, SMBIOS, an MP table, the memory
 * map, boot order and menu. [FWCFG] QEMU's fw_cfg files; [MP] MultiProcessor Specification 1.4; [SMBIOS] 3.4, 5.2.
 */
export const tables = `
; EDI = ECX bytes of RAM that no system uses, EAX the alignment; below the top of RAM, or in the runtime segment when DL
; is 2; CF when there is no room
allocate:
  push eax
  push ebx
  mov ebx, eax
  neg ebx
  cmp dl, 2
  je .runtime
  mov edi, [P_HIGH_TOP]
  sub edi, ecx
  jc .none
  and edi, ebx
  cmp edi, 0x180000
  jb .none
  mov [P_HIGH_TOP], edi
  jmp .clear
.runtime:
  mov edi, [P_FSEG]
  lea edi, [edi+eax-1]
  and edi, ebx
  lea eax, [edi+ecx]
  cmp eax, fseg_pool_end
  ja .none
  mov [P_FSEG], eax
.clear:
  clc
  jmp .ret
.none:
  stc
.ret:
  pop ebx
  pop eax
  ret

; adds ECX bytes at ESI: AL
checksum:
  push ecx
  push esi
  xor al, al
.next:
  add al, [esi]
  inc esi
  dec ecx
  jnz .next
  pop esi
  pop ecx
  ret

; --- the loader script: commands of 128 bytes ---
load_tables:
  mov esi, name_loader
  mov edi, P_SCRIPT
  mov edx, 0xff80
  call fw_load
  jc .ret
  mov ebx, P_SCRIPT
  lea ebp, [ebx+ecx-127]
.next:
  cmp ebx, ebp
  jae .ret
  mov eax, [ebx]
  cmp eax, 1
  je .allocate
  cmp eax, 2
  je .pointer
  cmp eax, 3
  je .checksum
.done:
  add ebx, 128
  jmp .next
.ret:
  ret
; file name at 4, alignment at 60, zone at 64
.allocate:
  lea esi, [ebx+4]
  call fw_find
  jc .done
  cmp dword [P_RECORDS], 256
  jae .done
  push eax
  mov eax, [ebx+60]
  mov dl, [ebx+64]
  call allocate
  pop eax
  jc .done
  call fw_read
  mov edx, edi
  mov edi, [P_RECORDS]
  inc dword [P_RECORDS]
  shl edi, 6
  add edi, P_RECORD
  mov [edi+56], edx
  mov [edi+60], ecx
  mov ecx, 14
  rep movsd
  jmp .done
; at 116 of file 4 the address of file 60 is added, in as many bytes as 120 says
.pointer:
  lea esi, [ebx+60]
  call .record
  jc .done
  mov eax, [edi+56]
  lea esi, [ebx+4]
  call .record
  jc .done
  mov edx, [ebx+116]
  movzx ecx, byte [ebx+120]
  add ecx, edx
  jc .done
  cmp ecx, [edi+60]
  ja .done
  add edx, [edi+56]
  mov cl, [ebx+120]
  cmp cl, 4
  je .dword
  ja .qword
  cmp cl, 2
  jne .done
  add [edx], ax
  jmp .done
.qword:
  add [edx], eax
  adc dword [edx+4], 0
  jmp .done
.dword:
  add [edx], eax
  jmp .done
; at 60 of file 4 the sum from 64 on, of the length at 68
.checksum:
  lea esi, [ebx+4]
  call .record
  jc .done
  mov eax, [edi+60]
  cmp [ebx+60], eax
  jae .done
  mov esi, [ebx+64]
  mov ecx, [ebx+68]
  lea edx, [esi+ecx]
  cmp edx, eax
  ja .done
  jecxz .done_near
  add esi, [edi+56]
  call checksum
  mov edx, [ebx+60]
  add edx, [edi+56]
  sub [edx], al
.done_near:
  jmp .done
; EDI = the record of the file with the name at ESI; CF
.record:
  push ecx
  mov ecx, [P_RECORDS]
  mov edi, P_RECORD
.look:
  jecxz .none
  push esi
  push edi
  call same_name
  pop edi
  pop esi
  je .found
  add edi, 64
  dec ecx
  jmp .look
.found:
  pop ecx
  clc
  ret
.none:
  pop ecx
  stc
  ret
name_loader:
  db 'etc/table-loader', 0

; --- SMBIOS ---
load_smbios:
  mov esi, name_smbios_anchor
  mov edi, P_TEXT
  mov edx, 32
  call fw_load
  jc .ret
  mov esi, name_smbios
  call fw_find
  jc .ret
  push eax
  mov eax, 16
  mov dl, 1
  call allocate
  pop eax
  jc .ret
  call fw_read
  mov ebx, edi
  mov ecx, 32
  mov eax, 16
  mov dl, 2
  call allocate
  jc .ret
  mov dword [smbios_anchor], 0  ; not our own
  push edi
  mov esi, P_TEXT
  mov ecx, 8
  rep movsd
  pop edi
  mov esi, edi
  cmp dword [edi], 0x334d535f   ; "_SM3"
  je .version3
  mov [edi+0x18], ebx
  mov byte [edi+0x15], 0
  mov byte [edi+4], 0
  add esi, 0x10
  mov ecx, 15
  call checksum
  sub [edi+0x15], al
  mov esi, edi
  movzx ecx, byte [edi+5]
  call checksum
  sub [edi+4], al
.ret:
  ret
.version3:
  mov [edi+0x10], ebx
  mov dword [edi+0x14], 0
  mov byte [edi+5], 0
  movzx ecx, byte [edi+6]
  call checksum
  sub [edi+5], al
  ret
name_smbios:
  db 'etc/smbios/smbios-tables', 0
name_smbios_anchor:
  db 'etc/smbios/smbios-anchor', 0

; --- MP table: processors, the ISA bus, one IOAPIC ---
make_mp_table:
  mov eax, 1
  cpuid
  test dh, 2                    ; has a local APIC
  jz .ret
  push eax
  push edx
  mov dword [P_CPUS], 1
  cmp byte [P_HAS_FW_CFG], 0
  je .count
  mov eax, 5
  mov edi, P_CPUS
  mov ecx, 2
  call fw_read
.count:
  mov eax, [P_CPUS]
  cmp eax, 64
  jbe .room
  mov eax, 64
  mov [P_CPUS], eax
.room:
  imul ecx, eax, 20
  add ecx, 16+44+8+8+15*8+2*8
  mov eax, 16
  mov dl, 2
  call allocate
  pop edx
  pop ebp
  jc .ret
  ; floating pointer
  mov ebx, edi
  mov dword [edi], 0x5f504d5f
  lea eax, [edi+16]
  mov [edi+4], eax
  mov dword [edi+8], 0x00000401 ; 16 bytes, version 1.4
  mov dword [edi+12], 0
  mov esi, edi
  mov ecx, 16
  call checksum
  sub [edi+10], al
  ; header
  lea edi, [ebx+16]
  mov esi, mp_header
  mov ecx, 11
  rep movsd
  xor ecx, ecx
.processor:
  mov al, 0
  stosb
  mov al, cl
  stosb
  mov al, 0x14
  stosb
  cmp cl, 1
  mov al, 1
  adc al, 0
  cmp al, 2
  jne .flags
  mov al, 3
.flags:
  stosb
  mov eax, ebp
  stosd
  mov eax, edx
  stosd
  xor eax, eax
  stosd
  stosd
  inc ecx
  cmp ecx, [P_CPUS]
  jb .processor
  mov esi, mp_board
  mov ecx, 4
  rep movsd
  xor ecx, ecx
.interrupt:
  ; ISA interrupt CL: edge, but 9, 10, 11 level; the timer at input 2
  cmp cl, 2
  je .next
  mov eax, 3
  stosd
  mov al, 0
  stosb
  mov al, cl
  stosb
  mov al, 0
  stosb
  mov al, cl
  test al, al
  jnz .input
  mov al, 2
.input:
  stosb
  lea eax, [ecx-9]
  cmp eax, 3
  jae .next
  mov byte [edi-6], 0x0d
.next:
  inc ecx
  cmp ecx, 16
  jb .interrupt
  mov esi, mp_local
  mov ecx, 4
  rep movsd
  lea esi, [ebx+16]
  mov ecx, edi
  sub ecx, esi
  mov [esi+4], cx
  mov ax, [P_CPUS]
  add ax, 2+15+2
  mov [esi+34], ax
  call checksum
  sub [esi+7], al
.ret:
  ret
  align 4
mp_header:
  db 'PCMP', 0, 0, 4, 0, 'VIVARIUM', 'BIOS        '
  dd 0
  dw 0, 0
  dd 0xfee00000, 0
mp_board:
  db 1, 0, 'ISA   '
  db 2, 0, 0x11, 1
  dd 0xfec00000
mp_local:
  db 4, 3, 0, 0, 0, 0, 0, 0     ; external interrupts to LINT0
  db 4, 1, 0, 0, 0, 0, 0xff, 1  ; NMI to LINT1

; --- E820 ---
memory_map:
  and dword [P_HIGH_TOP], 0xfffff000
  mov ecx, low_ranges
  call add_ranges
  mov eax, 0x100000
  mov ebx, [P_HIGH_TOP]
  sub ebx, eax
  jbe .tables
  mov ebp, 1
  call add_range
.tables:
  mov eax, [P_HIGH_TOP]
  mov ebx, [EBDA_LINEAR+LOW_RAM]
  sub ebx, eax
  jz .ecam
  mov ebp, 2
  call add_range
.ecam:
  cmp byte [EBDA_LINEAR+IS_Q35], 0
  je .high
  mov eax, [EBDA_LINEAR+ECAM]
  mov ebx, 0x10000000
  mov ebp, 2
  call add_range
.high:
  mov ecx, high_ranges
  call add_ranges
  ; [CMOS] 5Bh to 5Dh: 64-KiB blocks above 4 GiB
  mov ah, 0x5c
  call cmos_word
  mov ebx, eax
  mov ah, 0x5e
  call cmos_word
  movzx eax, al
  shl eax, 16
  or ebx, eax
  jz .ret
  movzx edi, byte [EBDA_LINEAR+E820_COUNT]
  imul edi, edi, 20
  add edi, EBDA_LINEAR+E820
  xor eax, eax
  stosd
  inc eax
  stosd
  mov eax, ebx
  shl eax, 16
  stosd
  mov eax, ebx
  shr eax, 16
  stosd
  mov eax, 1
  stosd
  inc byte [EBDA_LINEAR+E820_COUNT]
.ret:
  ret
; the ranges at ECX
add_ranges:
  mov eax, [ecx]
  mov ebx, [ecx+4]
  mov ebp, [ecx+8]
  test ebx, ebx
  jz .ret
  call add_range
  add ecx, 12
  jmp add_ranges
.ret:
  ret
; EBX bytes from EAX on, of kind EBP
add_range:
  push ecx
  movzx edi, byte [EBDA_LINEAR+E820_COUNT]
  imul edi, edi, 20
  add edi, EBDA_LINEAR+E820
  xor ecx, ecx
  mov [edi], eax
  mov [edi+4], ecx
  mov [edi+8], ebx
  mov [edi+12], ecx
  mov [edi+16], ebp
  inc byte [EBDA_LINEAR+E820_COUNT]
  pop ecx
  ret
  align 4
low_ranges:
  dd 0, EBDA_LINEAR, 1
  dd EBDA_LINEAR, 0xa0000-EBDA_LINEAR, 2
  dd 0xe0000, 0x20000, 2
  dd 0, 0, 0
high_ranges:
  dd 0xfeffc000, 0x4000, 2
  dd 0xfffc0000, 0x40000, 2
  dd 0, 0, 0

; --- boot order: a line a device, such as /pci@i0cf8/ide@1,1/drive@0/disk@0 ---
read_boot_order:
  mov esi, name_bootorder
  mov edi, P_ORDER
  mov edx, 0x4000
  call fw_load
  jc .ret
  mov byte [P_ORDER+ecx], 0
  mov esi, P_ORDER
  mov ebp, EBDA_LINEAR+ORDER
.line:
  cmp byte [esi], 0
  je .ret
  cmp dword [esi], 0x544c4148   ; "HALT"
  jne .device
  mov byte [EBDA_LINEAR+ORDER_STRICT], 1
.device:
  cmp byte [EBDA_LINEAR+ORDER_COUNT], 16
  jae .ret
  mov dword [ebp], 0xfffe       ; no device of ours
  mov edi, name_floppy
  call .find
  jc .drive
  mov word [ebp], 0xffff
  call .hex
  mov [ebp+3], al
  jmp .keep
.drive:
  mov edi, name_drive
  call .find
  jc .next
  call .hex
  mov [ebp+2], al
  mov edi, name_disk
  call .find
  jc .next
  call .hex
  mov [ebp+3], al
  mov edi, name_root
  call .find
  jc .next
.name:
  mov al, [edx]
  inc edx
  cmp al, 10
  jbe .next
  cmp al, '@'
  jne .name
  call .hex
  shl eax, 3
  cmp byte [edx], ','
  jne .function_0
  push eax
  inc edx
  call .hex
  pop ecx
  or eax, ecx
.function_0:
  mov [ebp], ax
.keep:
.next:
  add ebp, ORDER_BYTES
  inc byte [EBDA_LINEAR+ORDER_COUNT]
.skip:
  lodsb
  test al, al
  jz .ret
  cmp al, 10
  jne .skip
  jmp .line
.ret:
  ret
; EDX behind the text EDI in the line at ESI; CF when it is not there
.find:
  mov edx, esi
.try:
  push edx
  push edi
.same:
  mov al, [edi]
  test al, al
  jz .there
  cmp al, [edx]
  jne .other
  inc edx
  inc edi
  jmp .same
.other:
  pop edi
  pop edx
  cmp byte [edx], 10
  jbe .not
  inc edx
  jmp .try
.there:
  pop edi
  pop eax
  clc
  ret
.not:
  stc
  ret
; EAX = the hexadecimal number at EDX, which goes behind it
.hex:
  xor eax, eax
.digit:
  movzx ecx, byte [edx]
  sub ecx, '0'
  cmp ecx, 10
  jb .value
  sub ecx, 'a'-'0'-10
  cmp ecx, 10
  jb .end
  cmp ecx, 15
  ja .end
.value:
  shl eax, 4
  or eax, ecx
  inc edx
  jmp .digit
.end:
  ret
name_bootorder:
  db 'bootorder', 0
name_floppy:
  db 'floppy@', 0
name_drive:
  db '/drive@', 0
name_disk:
  db '/disk@', 0
name_root:
  db '/pci@i0cf8/', 0

; --- the menu: item 0Eh and its wait in ms ---
read_menu_settings:
  mov byte [EBDA_LINEAR+MENU_ENABLED], 1
  mov word [EBDA_LINEAR+MENU_WAIT], 2500
  cmp byte [P_HAS_FW_CFG], 0
  je .ret
  mov eax, 0x0e
  mov edi, P_DMA
  mov ecx, 2
  mov edi, P_TEXT
  call fw_read
  mov al, [P_TEXT]
  mov [EBDA_LINEAR+MENU_ENABLED], al
  mov esi, name_menu_wait
  mov edi, P_TEXT
  mov dword [edi], 2500
  mov edx, 2
  call fw_load
  mov eax, [P_TEXT]
  mov [EBDA_LINEAR+MENU_WAIT], ax
.ret:
  ret
name_menu_wait:
  db 'etc/boot-menu-wait', 0
`;
