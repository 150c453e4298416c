/**
 * INT 1Ah: ticks, the real-time clock's time and date, and PCI BIOS 2.1. [PS2] INT 1Ah; [PCIBIOS] PCI BIOS
 * Specification 2.1, section 3. The 32-bit entry (the service directory) is not here: the real-mode calls are.
 */
import { dispatch, service } from './service.ts';

export const clock = `
${service('int1a')}
int1a_service:
${dispatch(
  {
    0: '.ticks',
    1: '.set_ticks',
    2: '.time',
    3: '.set_time',
    4: '.date',
    5: '.set_date',
    6: '.set_alarm',
    7: '.no_alarm',
    177: 'pci_bios',
  },
  '.fail',
)}
.fail:
  or byte [bp+F_FLAGS], CF
  ret
.ok:
  mov byte [bp+F_AH], 0
  and byte [bp+F_FLAGS], ~CF & 0xff
  ret
.ticks:
  cli
  mov eax, [TICKS]
  xor cl, cl
  xchg cl, [MIDNIGHT]
  mov [bp+F_DX], ax
  shr eax, 16
  mov [bp+F_CX], ax
  mov [bp+F_AL], cl
  jmp .ok
.set_ticks:
  mov ax, [bp+F_CX]
  shl eax, 16
  mov ax, [bp+F_DX]
  cli
  mov [TICKS], eax
  mov byte [MIDNIGHT], 0
  jmp .ok
.time:
  call stable
  jc .fail
  mov al, 4
  call cmos_read
  mov [bp+F_CH], al
  mov al, 2
  call cmos_read
  mov [bp+F_CL], al
  xor al, al
  call cmos_read
  mov [bp+F_DH], al
  mov al, 0x0b
  call cmos_read
  and al, 1
  mov [bp+F_DL], al
  jmp .ok
.date:
  call stable
  jc .fail
  mov al, 0x32
  call cmos_read
  mov [bp+F_CH], al
  mov al, 9
  call cmos_read
  mov [bp+F_CL], al
  mov al, 8
  call cmos_read
  mov [bp+F_DH], al
  mov al, 7
  call cmos_read
  mov [bp+F_DL], al
  jmp .ok
.set_time:
  call .hold
  mov ah, [bp+F_CH]
  mov al, 4
  call cmos_write
  mov ah, [bp+F_CL]
  mov al, 2
  call cmos_write
  mov ah, [bp+F_DH]
  mov al, 0
  call cmos_write
  mov ah, bl
  and ah, 0xfe
  mov al, [bp+F_DL]
  and al, 1
  or ah, al
  jmp .go_on
.set_date:
  call .hold
  mov ah, [bp+F_CH]
  mov al, 0x32
  call cmos_write
  mov ah, [bp+F_CL]
  mov al, 9
  call cmos_write
  mov ah, [bp+F_DH]
  mov al, 8
  call cmos_write
  mov ah, [bp+F_DL]
  mov al, 7
  call cmos_write
  mov ah, bl
.go_on:
  mov al, 0x0b
  call cmos_write
  jmp .ok
; BL = register B, updates held
.hold:
  mov al, 0x0b
  call cmos_read
  and al, 0x7f
  mov bl, al
  or al, 0x80
  mov ah, al
  mov al, 0x0b
  jmp cmos_write
.set_alarm:
  mov al, 0x0b
  call cmos_read
  mov bl, al
  test al, 0x20
  jnz .fail
  mov ah, [bp+F_CH]
  mov al, 5
  call cmos_write
  mov ah, [bp+F_CL]
  mov al, 3
  call cmos_write
  mov ah, [bp+F_DH]
  mov al, 1
  call cmos_write
  in al, PIC2+1
  and al, 0xfe
  out PIC2+1, al
  mov ah, bl
  or ah, 0x20
  jmp .go_on
.no_alarm:
  mov al, 0x0b
  call cmos_read
  and al, 0x57
  mov ah, al
  jmp .go_on

; waits while the clock updates itself; CF when it never ends
stable:
  xor cx, cx
.again:
  mov al, 0x0a
  call cmos_read
  test al, 0x80
  jz .ret
  loop .again
  stc
.ret:
  ret

; --- PCI BIOS ---
pci_bios:
  mov al, [bp+F_AL]
  and al, 0x7f
  cmp al, 1
  je .present
  cmp al, 2
  je .find_device
  cmp al, 3
  je .find_class
  cmp al, 8
  jb .unsupported
  cmp al, 0x0d
  jbe .access
  cmp al, 0x0e
  je .routing
.unsupported:
  mov byte [bp+F_AH], 0x81
  jmp int1a_service.fail
.present:
  mov dword [bp+F_DX], 0x20494350
  mov word [bp+F_BX], 0x0210
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov cl, [PCI_LAST_BUS]
  mov [bp+F_CL], cl
  mov byte [bp+F_AL], 1         ; mechanism 1
  jmp int1a_service.ok
; DI the register, EBX the address of the function's registers
.access:
  mov bx, [bp+F_BX]
  call pci_function
  mov di, [bp+F_DI]
  mov ah, 0x87
  test di, 0xff00
  jnz .bad
  mov al, [bp+F_AL]
  and al, 7
  ; 0, 1, 2: read byte, word, dword; 3, 4, 5: write them
  mov cl, al
  cmp cl, 3
  jb .size
  sub cl, 3
.size:
  mov ch, 1
  shl ch, cl
  dec ch
  movzx dx, ch
  test di, dx
  jnz .bad
  call pci_select
  cmp al, 1
  jb .read_byte
  je .read_word
  cmp al, 3
  jb .read_dword
  mov eax, [bp+F_CX]
  je .write_byte
  cmp byte [bp+F_AL], 0x8c
  je .write_word
  cmp byte [bp+F_AL], 0x0c
  je .write_word
  out dx, eax
  jmp int1a_service.ok
.write_byte:
  out dx, al
  jmp int1a_service.ok
.write_word:
  out dx, ax
  jmp int1a_service.ok
.read_byte:
  in al, dx
  mov [bp+F_CL], al
  jmp int1a_service.ok
.read_word:
  in ax, dx
  mov [bp+F_CX], ax
  jmp int1a_service.ok
.read_dword:
  in eax, dx
  mov [bp+F_CX], eax
  jmp int1a_service.ok
.bad:
  mov [bp+F_AH], ah
  jmp int1a_service.fail
; device CX of vendor DX, the SIth
.find_device:
  mov esi, [bp+F_CX]
  shl esi, 16
  mov si, [bp+F_DX]
  mov ah, 0x83
  cmp si, 0xffff
  je .bad
  xor di, di
  xor cl, cl
  jmp .find
; class ECX, the SIth
.find_class:
  mov esi, [bp+F_CX]
  and esi, 0xffffff
  mov di, 8
  mov cl, 8
.find:
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov ch, [PCI_LAST_BUS]
  mov fs, [bp+F_SI]
  xor bx, bx
.next:
  push bx
  call pci_function
  push di
  xor di, di
  call pci_select
  in eax, dx
  pop di
  cmp ax, 0xffff
  je .other
  call pci_select
  in eax, dx
  shr eax, cl
  cmp eax, esi
  jne .other
  sub word [bp+F_SI], 1
  jc .found
.other:
  pop bx
  call pci_next
  cmp bh, ch
  jbe .next
  mov [bp+F_SI], fs
  mov ah, 0x86
  jmp .bad
.found:
  pop bx
  mov [bp+F_SI], fs
  mov [bp+F_BX], bx
  jmp int1a_service.ok
; the $PIR slots to the caller's buffer
.routing:
  mov ds, [bp+F_DS]
  mov es, [bp+F_ES]
  mov di, [bp+F_DI]
  mov cx, [cs:pir_table+6]
  sub cx, 32
  mov ax, [es:di]
  mov [es:di], cx
  cmp ax, cx
  mov ah, 0x89
  jb .bad
  les di, [es:di+2]
  lea si, [pir_table+32]
  cs rep movsb
  mov word [bp+F_BX], 0x0c00    ; IRQ 10 and 11
  jmp int1a_service.ok

; EBX = configuration address of function BX (bus, device and function)
pci_function:
  movzx ebx, bx
  shl ebx, 8
  or ebx, 0x80000000
  ret
; DX = the data port of register DI of function EBX; EAX kept
pci_select:
  push eax
  mov ax, di
  and eax, 0xfc
  or eax, ebx
  mov dx, PCI_ADDRESS
  out dx, eax
  pop eax
  mov dx, di
  and dx, 3
  add dx, PCI_DATA
  ret
; BX to the function after it. A device that has only one function is seen once.
pci_next:
  test bl, 7
  jnz .step
  push bx
  push di
  push dx
  push eax
  call pci_function
  mov di, 0x0e
  call pci_select
  in al, dx
  test al, 0x80
  pop eax
  pop dx
  pop di
  pop bx
  jnz .step
  or bl, 7
.step:
  inc bx
  ret
`;
