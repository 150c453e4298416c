/**
 * From the reset vector to the 32-bit part, and from there on in 16 bits: controllers, BIOS data area, screen, drives, boot.
 * [SDM] volume 3, 10.1.4 (first instruction) and 10.9 (mode switching); [8042] keyboard controller.
 */
import { VERSION } from './layout.ts';

export const start = `
; first in the segment: its address is known
gdt:
  dd 0, 0
  dd 0x0000ffff, 0x00cf9b00     ; 08h: 32-bit code
  dd 0x0000ffff, 0x00cf9300     ; 10h: data
  dd 0x0000ffff, 0x00009b0f     ; 18h: 16-bit code here
  dd 0x0000ffff, 0x00009300     ; 20h: 16-bit data
gdtr:
  dw 39
  dd gdt_linear

; CS is 0xffff0000 or 0xf0000, nothing else is known
power_on:
  cli
  cld
  mov al, 0x8f                  ; NMI off; how was the processor shut down?
  out CMOS_INDEX, al
  in al, CMOS_DATA
  mov bl, al
  mov al, 0x0f
  out CMOS_INDEX, al
  xor al, al
  out CMOS_DATA, al
  cmp bl, 5
  je .resume_eoi
  cmp bl, 0x0a
  je .resume
  in al, PORT_92
  or al, 2
  and al, 0xfe
  out PORT_92, al
  o32 lgdt [cs:gdtr]
  mov eax, cr0
  and eax, 0x1fffffff           ; caches on
  or al, 1
  mov cr0, eax
  ; to the copy below 4 GiB: the one below 1 MiB becomes RAM
  db 0x66, 0xea
  dd 0xfffe0000
  dw 8
.resume_eoi:
  mov al, 0x20
  out PIC2, al
  out PIC1, al
.resume:
  xor ax, ax
  mov ds, ax
  jmp far [0x467]

reset_machine:
  mov dx, RESET_CONTROL
  mov al, 2
  out dx, al
  mov al, 6
  out dx, al
  mov al, 0xfe
  out KBC_STATUS, al
.halt:
  cli
  hlt
  jmp .halt

; the 32-bit part is done: protected mode with 16-bit segments, the EBDA filled
start16:
  mov eax, cr0
  and al, 0xfe
  mov cr0, eax
  jmp far 0xf000:.real
.real:
  xor ax, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ax, EBDA_SEGMENT
  mov ss, ax
  mov sp, STACK_TOP
  mov ds, ax
  o32 lidt [cs:real_idt]
  call set_vectors
  call set_data_area
  call start_pics
  call start_clock
  call start_keyboard
  sti
  call start_screen
  call print
  db 'Vivarium BIOS ${VERSION}', 13, 10, 13, 10, 0
  call find_drives
  call list_boots
  call offer_menu
  int 0x19

; the BIOS data area and the EBDA's header; DS stays
set_data_area:
  push ds
  mov byte [0], EBDA_KIB
  mov ax, BDA
  mov ds, ax
  mov es, ax
  mov bp, [WARM_BOOT]
  xor ax, ax
  mov di, ax
  mov cx, 0x80
  rep stosw
  mov [WARM_BOOT], bp
  mov word [EBDA_POINTER], EBDA_SEGMENT
  mov word [BASE_KIB], EBDA_LINEAR / 1024
  mov word [EQUIPMENT], 0x26    ; coprocessor, mouse port, 80x25 in colour
  mov ax, KBD_BUFFER
  mov [KBD_HEAD], ax
  mov [KBD_TAIL], ax
  mov [KBD_START], ax
  mov word [KBD_END], KBD_BUFFER_END
  mov byte [KBD_MODE], 0x10     ; 101 keys
  mov dword [LPT_TIMEOUT], 0x14141414
  mov dword [COM_TIMEOUT], 0x01010101
  ; serial ports: an interrupt enable register that keeps what is written
  xor di, di
  mov si, serial_ports
.serial:
  cs lodsw
  test ax, ax
  jz .printers
  mov dx, ax
  inc dx
  mov al, 2
  out dx, al
  in al, dx
  cmp al, 2
  jne .serial
  inc dx
  in al, dx
  and al, 0x3f
  cmp al, 2
  jne .serial
  dec dx
  xor al, al
  out dx, al
  dec dx
  mov [di], dx
  add di, 2
  add byte [EQUIPMENT+1], 2
  jmp .serial
.printers:
  mov di, LPT_PORTS
  mov dx, 0x378
  call .printer
  mov dx, 0x278
  call .printer
  pop ds
  ret
.printer:
  mov al, 0xaa
  out dx, al
  in al, dx
  cmp al, 0xaa
  jne .no_printer
  mov [di], dx
  add di, 2
  add byte [EQUIPMENT+1], 0x40
.no_printer:
  ret
serial_ports:
  dw 0x3f8, 0x2f8, 0x3e8, 0x2e8, 0

; the real-time clock runs; the ticks since midnight from it
start_clock:
  push ds
  push BDA
  pop ds
  mov al, 0x0a
  mov ah, 0x26
  call cmos_write
  mov al, 0x0b
  call cmos_read
  and al, 0x07
  or al, 2
  mov ah, al
  mov bl, al
  mov al, 0x0b
  call cmos_write
  mov al, 0x0c
  call cmos_read
  call stable
  mov al, 4
  call .number
  imul eax, eax, 3600
  mov ecx, eax
  mov al, 2
  call .number
  imul eax, eax, 60
  add ecx, eax
  xor al, al
  call .number
  add eax, ecx
  ; seconds * 1193182 / 65536
  mov ecx, 1193182
  mul ecx
  shrd eax, edx, 16
  mov [TICKS], eax
  pop ds
  ret
; EAX = CMOS byte AL as a number, BL = register B
.number:
  call cmos_read
  movzx eax, al
  test bl, 4
  jnz .binary
  mov ah, al
  shr ah, 4
  and al, 15
  aad 10
.binary:
  movzx eax, al
  ret

; self-test, interrupt 1 and translation on, keyboard reset
start_keyboard:
  mov cx, 16
.drain:
  in al, KBC_STATUS
  test al, 1
  jz .empty
  in al, KBC_DATA
  loop .drain
.empty:
  mov al, 0xaa
  call kbc_command
  call kbc_answer
  mov al, 0x60
  call kbc_command
  mov al, 0x60                  ; nothing on but translation
  call kbc_data
  mov al, 0xae
  call kbc_command
  mov al, 0xff                  ; reset: acknowledged, then passed
  call kbc_data
  call kbc_answer
  call kbc_answer
  mov al, 0xf4
  call kbc_data
  call kbc_answer
  mov al, 0x60
  call kbc_command
  mov al, 0x61
  jmp kbc_data
kbc_command:
  mov ah, al
  call kbc_ready
  mov al, ah
  out KBC_STATUS, al
  ret
kbc_data:
  mov ah, al
  call kbc_ready
  mov al, ah
  out KBC_DATA, al
  ret
kbc_ready:
  xor cx, cx
.again:
  in al, KBC_STATUS
  test al, 2
  loopne .again
  ret
; AL = what the controller says; not for ever
kbc_answer:
  xor cx, cx
.again:
  in al, KBC_STATUS
  test al, 1
  loope .again
  in al, KBC_DATA
  ret

; runs the VGA BIOS at C000h, as [PFA] option ROMs are: AX = the function of its card
start_screen:
  push ds
  push 0xc000
  pop es
  cmp word [es:0], 0xaa55
  jne .ret
  mov ax, [VGA_BDF]
  pushad
  call far [cs:vga_entry]
  popad
  mov ax, 3
  int 0x10
.ret:
  pop ds
  ret
vga_entry:
  dw 3, 0xc000
`;
